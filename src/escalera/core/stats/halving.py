"""Successive halving: find a good arm among many on common items with a fixed number of calls.

`schedule` and `survivors` are plain halving, whose cost is known beforehand. `following` and
`contenders` let arms that are clearly behind leave before half of the arms must, and share what
they would have cost among the rest: same budget, and the best arm is found more often.

Halving chooses, it proves nothing: confirm the winner on fresh items with `sequential`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from escalera.core.stats.clustering import Values

BEHIND = 2.5
"""Standard errors behind the leader at which an arm is given up before its turn.

On replayed leaderboards, 20 calls per arm, 2 to 3 served alike; 4 hardly helped. No error rate is
claimed for it.
"""

_PRIOR = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """`arms` systems answer `new_items` further common items; the best `survivors` go on."""

    arms: int
    new_items: int
    survivors: int

    @property
    def calls(self) -> int:
        """Calls this round costs: every arm answers every new item."""
        return self.arms * self.new_items


def schedule(*, arms: int, calls: int, pool: int | None = None) -> tuple[Round, ...]:
    """Return the rounds of sequential halving within a budget of calls.

    R = ceil(log2 K) rounds; each gives floor(calls / (|S| R)) new items to every arm of S and keeps
    the better half, rounded up, by cumulative mean (Karnin, Koren and Somekh 2013, algorithm 1;
    common items as in TRIPLE-SH, Shi et al. 2024). `pool` caps the items there are: later rounds
    are shortened, and a round without new items left still halves. One arm needs no round.
    ValueError if the budget does not give each arm one item in the first round.
    """
    _require_counts(arms, calls, pool)
    rounds = math.ceil(math.log2(arms)) if arms > 1 else 0
    if rounds and calls < arms * rounds:
        raise ValueError(
            f"{calls!r} calls are too few for {arms!r} arms: {rounds} rounds need at least "
            f"{arms * rounds} calls; raise the budget or drop arms"
        )
    plan: list[Round] = []
    left = pool
    for _ in range(rounds):
        new_items = calls // (arms * rounds)
        if left is not None:
            new_items = min(new_items, left)
            left -= new_items
        survivors = (arms + 1) // 2
        plan.append(Round(arms=arms, new_items=new_items, survivors=survivors))
        arms = survivors
    return tuple(plan)


def survivors(means: Sequence[float], *, keep: int) -> tuple[int, ...]:
    """Return the positions of the `keep` highest cumulative means, in ascending order.

    Ties go to the earlier arm, so put the cheaper or the incumbent first. ValueError for a mean
    that is no number or keep outside 1..len(means).
    """
    if not 1 <= keep <= len(means):
        raise ValueError(
            f"cannot keep {keep!r} of {len(means)} arms: pass 1 <= keep <= number of arms"
        )
    for position, value in enumerate(means):
        if math.isnan(value):
            raise ValueError(
                f"mean at position {position} is {value!r}: drop arms without scores first"
            )
    ranked = sorted(range(len(means)), key=lambda i: (-means[i], i))
    return tuple(sorted(ranked[:keep]))


def following(*, arms: int, calls: int, pool: int | None = None) -> Round | None:
    """Return the next round for the arms still in it with the calls that are left, or None.

    As the first round of `schedule`, each time anew, so that the calls of arms that left early are
    shared by the rest; `pool` counts the items left. None when one arm is left. A round without new
    items still halves. ValueError for no arms or negative numbers.
    """
    if arms < 1 or calls < 0 or (pool is not None and pool < 0):
        raise ValueError(
            f"arms {arms!r}, calls {calls!r}, pool {pool!r}: pass at least one arm, and what is "
            "left of the budget and of the items"
        )
    if arms == 1:
        return None
    new_items = calls // (arms * math.ceil(math.log2(arms)))
    return Round(
        arms=arms,
        new_items=new_items if pool is None else min(new_items, pool),
        survivors=(arms + 1) // 2,
    )


def contenders(scores: Sequence[Values], *, keep: int) -> tuple[int, ...]:
    """Return the positions that go on, ascending: at most `keep`, none of them clearly behind.

    `scores` holds per arm those of all common items so far. Of the `keep` highest means
    (`survivors`) those stay whose paired difference to the leader is below `BEHIND` standard
    errors, with variance (1/4 + sum (d_i - mean)^2) / n, which does not vanish when all items
    agree. The leader, the earlier arm of equals, always stays. ValueError for no items or arms that
    did not see the same number of them, and as `survivors`.
    """
    columns = [np.asarray(column, dtype=np.float64) for column in scores]
    if not columns or not columns[0].size or len({column.shape for column in columns}) > 1:
        raise ValueError(
            f"{[column.size for column in columns]!r} scores per arm are no common items: pass "
            "one score of every arm for each item, at least one item"
        )
    means = [math.fsum(column.tolist()) / column.size for column in columns]
    kept = survivors(means, keep=keep)
    leader = max(kept, key=lambda arm: (means[arm], -arm))
    return tuple(arm for arm in kept if not behind(columns[leader], columns[arm]))


def behind(leader: Values, arm: Values) -> bool:
    """Return whether an arm is clearly behind the leader on common items, as `contenders` has it.

    Never without an item. ValueError for scores that are not of the same number of items.
    """
    lead = np.subtract(np.asarray(leader, dtype=np.float64), np.asarray(arm, dtype=np.float64))
    n = lead.size
    if not n:
        return False
    mean = float(lead.mean())
    variance = (_PRIOR + float(((lead - mean) ** 2).sum())) / n
    return mean > BEHIND * math.sqrt(variance / n)


# Private.


def _require_counts(arms: int, calls: int, pool: int | None) -> None:
    if arms < 1 or calls < 0 or (pool is not None and pool < 1):
        raise ValueError(
            f"arms {arms!r}, calls {calls!r}, pool {pool!r}: pass at least one arm, a budget that "
            "is not negative and a pool of at least one item"
        )
