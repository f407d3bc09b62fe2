"""Successive halving: find a good arm among many on common items with a fixed number of calls.

Halving chooses, it proves nothing: confirm the winner on fresh items with `sequential`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


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


# Private.


def _require_counts(arms: int, calls: int, pool: int | None) -> None:
    if arms < 1 or calls < 0 or (pool is not None and pool < 1):
        raise ValueError(
            f"arms {arms!r}, calls {calls!r}, pool {pool!r}: pass at least one arm, a budget that "
            "is not negative and a pool of at least one item"
        )
