"""Continuous rejects: halving whose arms leave a few at a time, as the common items grow.

After s common items at most C / s arms go on, and C is what the calls that are left allow
(continuous rejects, Wang et al. 2023; TRIPLE-CR, Shi et al. 2024, chooses prompts so). Of 32 arms
with 20 calls each, halving drops the worse half after four items, this after ten, and the calls of
whoever is clearly behind (`halving.contenders`) go to the rest. Where scores are right or wrong, of
which four items tell little, the best arm is found more often (`bench/results/limits.md`).

It chooses, it proves nothing: confirm the winner on fresh items with `sequential`.
"""

from __future__ import annotations

import math

from escalera.core.stats.halving import Round

FIRST = 3
"""Items that every arm answers before any leaves."""

_GROWTH = 10


def following(*, arms: int, seen: int, calls: int, pool: int | None = None) -> Round | None:
    """Return the next round for the arms still in it, or None when one is left.

    `seen` counts the common items so far, `calls` those left of the budget, `pool` the items left.
    A schedule of all a arms up to item C / a, then of C / j arms at item j, down to two, spends
    C - seen a + C ln(a / 2) calls; that gives C. The first round has `FIRST` items, a further one
    a tenth of those seen, at least one: small, so that who is clearly behind leaves soon. A round
    without new items chooses one arm. ValueError for no arms or negative numbers.
    """
    if arms < 1 or seen < 0 or calls < 0 or (pool is not None and pool < 0):
        raise ValueError(
            f"arms {arms!r}, seen {seen!r}, calls {calls!r}, pool {pool!r}: pass at least one arm, "
            "the items seen, and what is left of the budget and of the items"
        )
    if arms == 1:
        return None
    most = calls // arms if pool is None else min(calls // arms, pool)
    if not most:
        return Round(arms=arms, new_items=0, survivors=1)
    share = (calls + seen * arms) / (1.0 + math.log(arms / 2.0))
    new_items = min(max(seen // _GROWTH, 1) if seen else FIRST, most)
    survivors = math.floor(share / (seen + new_items))
    return Round(arms=arms, new_items=new_items, survivors=min(max(survivors, 1), arms))
