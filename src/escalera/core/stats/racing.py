"""A race on common items: arms that are shown to be worse than the leader stop costing calls.

init, update, read over immutable state, as in `sequential`: the state holds the plan and the scores
of each look, so replaying a journal drops the same arms. At each look the leader, the arm with the
highest mean on the common items, is compared with every other survivor by a repeated confidence
interval at alpha / (arms - 1); an arm is dropped when it excludes 0 (Hoeffding races, Maron and
Moore 1994, with paired intervals as in Mnih, Szepesvari and Audibert 2008).

The best arm can only be lost in a comparison with itself, and there are arms - 1 of those, each
erring in its disfavour with probability alpha / (2 (arms - 1)) over all looks: it is dropped with
probability at most alpha / 2, whichever arms lead on the way. A race chooses; the winner's figure
comes from fresh items (`best_of`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from escalera.core.stats import clustering, distributions, mean, paired, spending
from escalera.core.stats.clustering import Interval
from escalera.core.stats.spending import Spending

Status: TypeAlias = Literal["continue", "one-left", "within-tolerance", "exhausted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many arms race, at which error, and when they are close enough to stop.

    `alpha` is the two-sided error of all comparisons at all looks. `tolerance` is a difference in
    score that does not matter: the race ends when no survivor is more than that behind. With 0 it
    ends with one arm, or with the items.
    """

    arms: int
    alpha: float = 0.05
    tolerance: float = 0.0
    spending: Spending = "obrien-fleming"

    def __post_init__(self) -> None:
        clustering.require_alpha(self.alpha)
        if self.arms < 2:
            raise ValueError(f"arms {self.arms!r} are no race: pass at least 2")
        if not 0.0 <= self.tolerance < 1.0:
            raise ValueError(
                f"tolerance {self.tolerance!r} must lie in [0, 1): it is a difference of scores"
            )
        if self.spending not in ("obrien-fleming", "pocock"):
            raise ValueError(
                f"spending {self.spending!r} is unknown: choose 'obrien-fleming' or 'pocock'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """New items of one look, their clusters, and per surviving arm one score for each."""

    information_time: float
    items: tuple[Hashable, ...]
    clusters: tuple[Hashable, ...] | None
    arms: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The plan and the looks so far."""

    plan: Plan
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The repeated confidence interval of mean(leader) - mean(arm) at a look (from 0)."""

    leader: int
    arm: int
    look: int
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where the race stands: survivors in ascending order, and who was dropped by what.

    `leader` is None before the first look. `comparisons` holds the survivors other than the
    leader. With probability 1 - alpha every dropped arm is truly worse than the leader that dropped
    it, and on "within-tolerance" no survivor is truly behind the leader by `tolerance` or more.
    """

    status: Status
    survivors: tuple[int, ...]
    leader: int | None
    comparisons: tuple[Comparison, ...]
    dropped: tuple[Comparison, ...]


def init(plan: Plan) -> State:
    """Return the state before the first look."""
    return State(plan=plan)


def update(
    state: State,
    *,
    information_time: float,
    scores: Mapping[int, Mapping[Hashable, float]],
    clusters: Mapping[Hashable, Hashable] | None = None,
) -> State:
    """Return the state after one more look at new items.

    `scores` holds for every survivor, and no other arm, the score in [0, 1] of every new item;
    `information_time` is the share of the planned items (clusters, when clustered) seen by now.
    Looks must not depend on the scores. ValueError for a race that has ended, arms that are not
    the survivors, arms that did not see the same items, items or clusters of an earlier look,
    or clusters in some looks only.
    """
    reading = read(state)
    if reading.status != "continue":
        raise ValueError(
            f"the race has ended with {reading.status!r}: confirm a survivor on fresh items"
        )
    if set(scores) != set(reading.survivors):
        raise ValueError(
            f"scores of arms {sorted(scores)!r} for survivors {list(reading.survivors)!r}: call "
            "every survivor, and only those, on every new item"
        )
    times = (*(look.information_time for look in state.looks), information_time)
    spending.require_times(times)
    items = _common_items(scores, reading.survivors)
    labels = None if clusters is None else tuple(clusters[item] for item in items)
    _require_new(state, items, labels)
    look = Look(
        information_time=information_time,
        items=items,
        clusters=labels,
        arms=reading.survivors,
        scores=tuple(tuple(scores[a][item] for item in items) for a in reading.survivors),
    )
    return replace(state, looks=(*state.looks, look))


def read(state: State) -> Reading:
    """Return survivors, leader, comparisons and status of the looks so far."""
    return _fold(state.plan, state.looks)


# Private.


@lru_cache(maxsize=256)
def _fold(plan: Plan, looks: tuple[Look, ...]) -> Reading:
    """Apply the last look to the reading of those before it."""
    if not looks:
        every = tuple(range(plan.arms))
        return Reading(status="continue", survivors=every, leader=None, comparisons=(), dropped=())
    before = _fold(plan, looks[:-1])
    seen = {arm: _column(looks, arm) for arm in before.survivors}
    totals = {arm: clustering.robust_mean(seen[arm]).value for arm in before.survivors}
    leader = max(before.survivors, key=lambda arm: (totals[arm], -arm))
    alpha, labels = _nominal_alpha(plan, looks), _labels(looks)
    compared = [
        Comparison(
            leader=leader,
            arm=arm,
            look=len(looks) - 1,
            interval=paired.interval(seen[leader], seen[arm], labels, alpha=alpha),
        )
        for arm in before.survivors
        if arm != leader
    ]
    staying = tuple(c for c in compared if c.interval.lower <= 0.0)
    return Reading(
        status=_status(plan, looks[-1], staying),
        survivors=tuple(sorted([leader, *(c.arm for c in staying)])),
        leader=leader,
        comparisons=staying,
        dropped=(*before.dropped, *(c for c in compared if c.interval.lower > 0.0)),
    )


def _status(plan: Plan, look: Look, staying: Sequence[Comparison]) -> Status:
    if not staying:
        return "one-left"
    if all(c.interval.upper < plan.tolerance for c in staying):
        return "within-tolerance"
    return "continue" if look.information_time < 1.0 else "exhausted"


def _nominal_alpha(plan: Plan, looks: tuple[Look, ...]) -> float:
    times = tuple(look.information_time for look in looks)
    limits = spending.boundaries(times, alpha=plan.alpha / (plan.arms - 1), spending=plan.spending)
    return 2.0 * distributions.normal_cdf(-limits[-1])


def _column(looks: tuple[Look, ...], arm: int) -> list[float]:
    return [x for look in looks for x in look.scores[look.arms.index(arm)]]


def _labels(looks: tuple[Look, ...]) -> list[Hashable] | None:
    if looks[0].clusters is None:
        return None
    return [label for look in looks for label in look.clusters or ()]


def _common_items(
    scores: Mapping[int, Mapping[Hashable, float]], survivors: tuple[int, ...]
) -> tuple[Hashable, ...]:
    items = tuple(scores[survivors[0]])
    if not items:
        raise ValueError("a look without items: score at least one new item per survivor")
    for arm in survivors:
        different = set(items) ^ set(scores[arm])
        if different:
            raise ValueError(
                f"arms {survivors[0]} and {arm} did not see the same items ({len(different)} "
                "differ): leave an item out for all arms when one of them has no score for it"
            )
        mean.require_unit_range([scores[arm][item] for item in items])
    return items


def _require_new(
    state: State, items: tuple[Hashable, ...], labels: tuple[Hashable, ...] | None
) -> None:
    for look in state.looks:
        again = set(items) & set(look.items)
        if again:
            raise ValueError(
                f"item {min(again, key=str)!r} was seen in an earlier look: pass new items only"
            )
        if (look.clusters is None) != (labels is None):
            raise ValueError("clusters are given in some looks only: pass them in all or in none")
        split = set(labels or ()) & set(look.clusters or ())
        if split:
            raise ValueError(
                f"cluster {min(split, key=str)!r} has items in two looks: a cluster is one step, "
                "keep its items together"
            )
