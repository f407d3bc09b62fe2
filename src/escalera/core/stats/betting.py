"""A confidence sequence for the mean of bounded observations, valid at any time.

Hedged capital with predictable bets (Waudby-Smith and Ramdas 2023, JRSS B 86, theorem 3), on a grid
of nulls: all intervals of all times together cover the mean with probability 1 - alpha, exactly and
at any number of steps, whenever and for whatever reason one stops or continues. Superiority,
non-inferiority and equivalence are read from the interval by `noninferiority.judge`; each one-sided
claim errs with probability at most alpha/2 over all time.

The order of the steps must be fixed before results exist, and the bounds must hold for certain.
Steps need not be alike, as long as each has the same mean given those before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from escalera.core.stats import bounded, capital
from escalera.core.stats.bounded import Sizes
from escalera.core.stats.capital import Capital, Terms
from escalera.core.stats.clustering import Interval, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What bounds the items, and where the interval should be sharp.

    `planned`: number of steps at which the interval should be tightest, e.g. a third of the data;
    it stays valid before and after. None spreads the effort over all times. `nulls`: values that
    questions will be asked about (0, the margins), put on the grid exactly. `cells`: the
    grid's resolution, (high - low) / cells per cell. `largest_cluster`: the largest number of items
    of one step.
    """

    alpha: float = 0.05
    low: float = -1.0
    high: float = 1.0
    planned: int | None = None
    nulls: tuple[float, ...] = (0.0,)
    largest_cluster: int = 1
    cells: int = 1000

    def __post_init__(self) -> None:
        _terms(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The plan and what the bets hold; equal steps in equal order give equal states."""

    plan: Plan
    capital: Capital


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The interval so far, of the mean over items, and what it rests on.

    The estimate is the mean of the items seen, moved to the nearest end in the rare case that the
    running intersection of the intervals has left it; the middle of the range before any step.
    """

    interval: Interval
    steps: int
    items: int


def init(plan: Plan) -> State:
    """Return the state before the first step: nothing is excluded."""
    return State(plan=plan, capital=capital.init(_terms(plan)))


def update(state: State, values: Values, *, sizes: Sizes = None) -> State:
    """Return the state after further steps, in their order; one number or many.

    `values`: one item each, or with `sizes` the sum of a whole cluster of that many items
    (`bounded.per_cluster`). The mean estimated is E[sum] / E[size], that of items, also with
    unequal clusters. A block gives the same state as its steps one by one. ValueError for values
    outside the bounds of the plan, or clusters larger than it allows.
    """
    plan = state.plan
    sums, counts = bounded.steps(
        values, sizes, low=plan.low, high=plan.high, largest=plan.largest_cluster
    )
    if not sums.size:
        return state
    return replace(state, capital=capital.update(state.capital, sums, counts, terms=_terms(plan)))


def read(state: State) -> Reading:
    """Return the running interval and the mean of the items seen."""
    plan, held = state.plan, state.capital
    lower, upper = capital.ends(held, terms=_terms(plan))
    middle = 0.5 * (plan.low + plan.high)
    mean = held.total / held.items if held.items else middle
    return Reading(
        interval=Interval(
            estimate=min(max(mean, lower), upper),
            lower=lower,
            upper=upper,
            alpha=plan.alpha,
            method="betting",
        ),
        steps=held.steps,
        items=held.items,
    )


# Private.


def _terms(plan: Plan) -> Terms:
    return Terms(
        alpha=plan.alpha,
        low=plan.low,
        high=plan.high,
        planned=plan.planned,
        nulls=plan.nulls,
        cells=plan.cells,
        largest=plan.largest_cluster,
    )
