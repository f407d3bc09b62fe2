"""The mean of one known data set from a part of it: what running all items would have given.

Items are drawn without replacement, in an order that is random and fixed before results exist. Of
a population of N items with mean m, N m less what was drawn is left for the rest, so the
next item is expected at m_t = (N m - S_{t-1}) / (N - t + 1); betting on x_t - m_t gives a
confidence sequence for the mean of these N items (Waudby-Smith and Ramdas 2023, JRSS B 86, section
5; Waudby-Smith and Ramdas 2020). At t = N the answer is exact.

It says what the full run would say, and nothing about other items: not that a system generalises.
Readings carry `population` so that no report can take one for the other. Clusters do not matter
here, because chance lies in the order of the items alone; that order must run over items, not over
clusters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from escalera.core.stats import bounded, capital
from escalera.core.stats.capital import Capital, Terms
from escalera.core.stats.clustering import Interval, Values

Population: TypeAlias = Literal["this data set"]

_SHARP = 4
_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size of the data set, what bounds its items, and where the interval should be sharp.

    `planned`: items after which the interval should be tightest, a quarter of the data set when
    None. `nulls`: values that questions will be asked about (0, the margins), put on the
    grid exactly. `cells`: the grid's resolution, (high - low) / cells per cell.
    """

    items: int
    alpha: float = 0.05
    low: float = -1.0
    high: float = 1.0
    planned: int | None = None
    nulls: tuple[float, ...] = (0.0,)
    cells: int = 1000

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ValueError(f"items {self.items!r} must be at least 1: pass the data set's size")
        _terms(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The plan and what the bets hold; equal items in equal order give equal states."""

    plan: Plan
    capital: Capital


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The interval so far of the mean of this data set.

    `population` says whose mean it is. The estimate is the mean of the items seen, moved to the
    nearest end in the rare case that the interval has left it. `complete`: all items were seen
    and both ends are the mean itself.
    """

    interval: Interval
    seen: int
    complete: bool
    population: Population = "this data set"


def init(plan: Plan) -> State:
    """Return the state before the first item: nothing is excluded."""
    return State(plan=plan, capital=capital.init(_terms(plan)))


def update(state: State, values: Values) -> State:
    """Return the state after further items, in their order; one number or many.

    A block gives the same state as its items one by one. ValueError for values outside the bounds,
    or more of them than the data set has.
    """
    plan = state.plan
    found, counts = bounded.steps(values, low=plan.low, high=plan.high)
    if not found.size:
        return state
    seen = state.capital.steps + found.size
    if seen > plan.items:
        raise ValueError(
            f"{seen!r} items of a data set of {plan.items!r}: every item is drawn once; average "
            "repeats before they are passed"
        )
    return replace(state, capital=capital.update(state.capital, found, counts, terms=_terms(plan)))


def read(state: State) -> Reading:
    """Return the interval: by the bets, and by what the items not seen could still be."""
    plan, held = state.plan, state.capital
    left = plan.items - held.steps
    mean = held.total / held.steps if held.steps else 0.5 * (plan.low + plan.high)
    if left == 0:
        lower = upper = mean = round(mean, _DIGITS)
    else:
        lower, upper = capital.ends(held, terms=_terms(plan))
        lower = max(lower, min(upper, (held.total + left * plan.low) / plan.items))
        upper = min(upper, max(lower, (held.total + left * plan.high) / plan.items))
    return Reading(
        interval=Interval(
            estimate=min(max(mean, lower), upper),
            lower=lower,
            upper=upper,
            alpha=plan.alpha,
            method="betting-without-replacement",
        ),
        seen=held.steps,
        complete=left == 0,
    )


# Private.


def _terms(plan: Plan) -> Terms:
    return Terms(
        alpha=plan.alpha,
        low=plan.low,
        high=plan.high,
        planned=max(1, plan.items // _SHARP) if plan.planned is None else plan.planned,
        nulls=plan.nulls,
        cells=plan.cells,
        population=plan.items,
    )
