"""Evidence about a mean of bounded observations, readable at any time: a mixture e-process.

A gambler who starts with 1 and bets the share l of what is held on "the mean is above the null"
holds prod(1 + l x_i), with x_i the observation less the null in units of the distance to the lower
bound. If the mean is at most the null, that wealth is expected to fall at every step whatever came
before, so it exceeds 1/alpha at any time, ever, with probability at most alpha (Ville 1939;
Waudby-Smith and Ramdas 2023, JRSS B 86, section 4). The average over 24 bets loses a factor of at
most 24 against the best of them. Exact at any number of steps; no variance is estimated.

Evidence continues: more steps may follow whatever has been read, and e-values of independent runs
multiply. For an interval and its verdicts use `betting`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from escalera.core.stats import bounded, clustering
from escalera.core.stats.bounded import Floats, Sizes
from escalera.core.stats.clustering import Values

Status: TypeAlias = Literal["crossed-up", "crossed-down", "continue"]

_BETS = np.geomspace(0.01, 0.95, 24)
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The question "is the mean above or below `null`", and what bounds every item.

    `null` in the units of the observations, strictly between `low` and `high`; minus the margin
    asks for non-inferiority. `largest_cluster`: the largest number of items of one step.
    """

    alpha: float = 0.05
    null: float = 0.0
    low: float = -1.0
    high: float = 1.0
    largest_cluster: int = 1

    def __post_init__(self) -> None:
        clustering.require_alpha(self.alpha)
        bounded.require_range(self.low, self.high, self.largest_cluster)
        bounded.require_inside("null", self.null, low=self.low, high=self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The plan, and the log wealth of every bet on "above" (`up`) and "below" (`down`).

    `peak_up`, `peak_down`: the largest log e-value so far while that half was the larger one.
    """

    plan: Plan
    steps: int = 0
    up: tuple[float, ...] = (0.0,) * len(_BETS)
    down: tuple[float, ...] = (0.0,) * len(_BETS)
    peak_up: float = 0.0
    peak_down: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the steps so far say; logarithms are natural.

    `log_e_up` is evidence against "mean <= null", `log_e_down` against "mean >= null", each an
    e-process by itself; `log_e_value`, their average, is evidence against "mean = null".
    `p_value` = 1 / (largest average so far), valid at any time. `status`: whether the average
    ever reached 1/alpha, and which half led: a wrong direction, or any direction when
    the mean is the null, has probability at most alpha over all time.
    """

    status: Status
    steps: int
    log_e_value: float
    log_e_up: float
    log_e_down: float
    p_value: float

    @property
    def e_value(self) -> float:
        """The average of both halves, e.g. for e-BH; kept below e^700 to stay a number."""
        return math.exp(min(_LARGEST_EXPONENT, self.log_e_value))


def init(plan: Plan) -> State:
    """Return the state before the first step, with wealth 1 everywhere."""
    return State(plan=plan)


def update(state: State, values: Values, *, sizes: Sizes = None) -> State:
    """Return the state after further steps, in their order; one number or many.

    `values`: one item each, or with `sizes` the sum of a whole cluster of that many items
    (`bounded.per_cluster`). A block gives the same state as its steps one by one. ValueError for
    values outside the bounds of the plan, or clusters larger than it allows.
    """
    plan = state.plan
    sums, counts = bounded.steps(
        values, sizes, low=plan.low, high=plan.high, largest=plan.largest_cluster
    )
    if not sums.size:
        return state
    centred = (sums - plan.null * counts) / plan.largest_cluster
    up = _wealth(state.up, centred / (plan.null - plan.low))
    down = _wealth(state.down, -centred / (plan.high - plan.null))
    over, under = _mixture(up), _mixture(down)
    both = np.logaddexp(over, under) - math.log(2.0)
    leads = over >= under
    return replace(
        state,
        steps=state.steps + sums.size,
        up=tuple(up[-1].tolist()),
        down=tuple(down[-1].tolist()),
        peak_up=max(state.peak_up, float(np.max(both[leads], initial=-math.inf))),
        peak_down=max(state.peak_down, float(np.max(both[~leads], initial=-math.inf))),
    )


def read(state: State) -> Reading:
    """Return the e-values of the steps so far and whether 1/alpha was ever reached."""
    over, under = (float(_mixture(np.array([side]))[0]) for side in (state.up, state.down))
    peak = max(state.peak_up, state.peak_down)
    status: Status = "continue"
    if peak >= -math.log(state.plan.alpha):
        status = "crossed-up" if state.peak_up >= state.peak_down else "crossed-down"
    return Reading(
        status=status,
        steps=state.steps,
        log_e_value=float(np.logaddexp(over, under)) - math.log(2.0),
        log_e_up=over,
        log_e_down=under,
        p_value=min(1.0, math.exp(-peak)),
    )


# Private.


def _wealth(before: tuple[float, ...], steps: Floats) -> Floats:
    """Log wealth per step and bet; summed in order, so that a block has the bits of its steps."""
    gains = np.log1p(steps[:, None] * _BETS)
    return np.cumsum(np.vstack([np.array(before), gains]), axis=0)[1:]


def _mixture(wealth: Floats) -> Floats:
    """Log of the average over bets."""
    top = wealth.max(axis=1)
    average: Floats = top + np.log(np.exp(wealth - top[:, None]).mean(axis=1))
    return average
