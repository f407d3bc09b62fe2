"""A confidence sequence for means of values without bounds: cost, latency, tokens.

Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52), theorem 2.2: the boundary of a Gaussian
mixture around the running mean, with the estimated deviation. All intervals of all times together
cover the mean with probability that tends to 1 - alpha as the first look comes later: hence a
warm-up, and never in place of `betting` where bounds are known. Superiority, non-inferiority and
equivalence are read from the interval by `noninferiority.judge`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from escalera.core.stats import clustering
from escalera.core.stats.bounded import Sizes
from escalera.core.stats.clustering import Interval, Values

_SHORTEST_WARM_UP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the interval should be sharp, and what is believed at the least.

    `planned`: number of steps t* at which the interval should be tightest. `floor`: smallest
    standard deviation that is believed, in the units of an item and above 0, e.g. the resolution
    of the clock or the price of one token: thirty equal values do not prove that no other
    value exists. `warm_up`: steps before which nothing is claimed, at least 20.
    """

    planned: int
    floor: float
    alpha: float = 0.05
    warm_up: int = 30

    def __post_init__(self) -> None:
        clustering.require_alpha(self.alpha)
        if self.planned < 1:
            raise ValueError(f"planned {self.planned!r} must be at least 1: pass a number of steps")
        if not (self.floor > 0 and math.isfinite(self.floor)):
            raise ValueError(
                f"floor {self.floor!r} must be a positive deviation: pass the smallest difference "
                "between two values that the measurement can tell apart"
            )
        if self.warm_up < _SHORTEST_WARM_UP:
            raise ValueError(
                f"warm_up {self.warm_up!r} must be at least {_SHORTEST_WARM_UP!r}: before that the "
                "estimated deviation does not carry a time-uniform claim"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The plan and running moments of steps (sum s, size n): means and sums of products.

    `square_sum` = sum (s - mean)^2, `product` of s and n, `square_size` of n (Welford 1962).
    """

    plan: Plan
    steps: int = 0
    mean_sum: float = 0.0
    mean_size: float = 0.0
    square_sum: float = 0.0
    product: float = 0.0
    square_size: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The interval so far, of the mean over items; unbounded before the warm-up is over.

    The estimate is 0 before any step. `deviation`: of one step, in the units of an item.
    """

    interval: Interval
    steps: int
    deviation: float
    warm: bool


def init(plan: Plan) -> State:
    """Return the state before the first step."""
    return State(plan=plan)


def update(state: State, values: Values, *, sizes: Sizes = None) -> State:
    """Return the state after further steps, in their order; one number or many.

    `values`: one item each, or with `sizes` the sum of a whole cluster of that many items
    (`bounded.per_cluster`). Steps are added one by one, so blocks change no bit. ValueError for
    values that are not finite or sizes below 1.
    """
    sums = np.atleast_1d(np.asarray(values, dtype=np.float64))
    counts = np.ones(sums.shape) if sizes is None else np.asarray(sizes, dtype=np.float64)
    _require_steps(sums, counts)
    for value, size in zip(sums.tolist(), counts.tolist(), strict=True):
        state = _add(state, value, size)
    return state


def read(state: State) -> Reading:
    """Return mean -+ deviation * sqrt(2 (t r^2 + 1) / (t^2 r^2) * ln(sqrt(t r^2 + 1) / alpha)).

    r^2 = (-2 ln alpha + ln(-2 ln alpha) + 1) / t* makes it tightest near t* (Waudby-Smith et al.
    2024, theorem 2.2 and its tuning). With clusters of unequal size the mean is sum(s) / sum(n)
    and the deviation that of s - mean * n over the mean size, its influence function.
    """
    t = state.steps
    mean = state.mean_sum / state.mean_size if t else 0.0
    deviation = _deviation(state, mean)
    warm = t >= state.plan.warm_up
    half = deviation * half_width(t, state.plan) if warm else math.inf
    return Reading(
        interval=Interval(
            estimate=mean,
            lower=mean - half,
            upper=mean + half,
            alpha=state.plan.alpha,
            method="asymptotic",
        ),
        steps=t,
        deviation=deviation,
        warm=warm,
    )


def half_width(steps: int, plan: Plan) -> float:
    """Return half the width of the interval after that many steps, in standard deviations."""
    log = -2.0 * math.log(plan.alpha)
    inner = steps * (log + math.log(log) + 1.0) / plan.planned
    boundary = math.log(math.sqrt(inner + 1.0) / plan.alpha)
    return math.sqrt(2.0 * (inner + 1.0) / (steps * inner) * boundary)


# Private.


def _add(state: State, value: float, size: float) -> State:
    steps = state.steps + 1
    off_sum, off_size = value - state.mean_sum, size - state.mean_size
    mean_sum = state.mean_sum + off_sum / steps
    mean_size = state.mean_size + off_size / steps
    return replace(
        state,
        steps=steps,
        mean_sum=mean_sum,
        mean_size=mean_size,
        square_sum=state.square_sum + off_sum * (value - mean_sum),
        product=state.product + off_sum * (size - mean_size),
        square_size=state.square_size + off_size * (size - mean_size),
    )


def _deviation(state: State, mean: float) -> float:
    """The sample deviation of s - mean * n over the mean size, not below the floor."""
    if state.steps < 2:
        return state.plan.floor
    squares = state.square_sum - 2.0 * mean * state.product + mean * mean * state.square_size
    variance = max(0.0, squares) / (state.steps - 1)
    return max(state.plan.floor, math.sqrt(variance) / state.mean_size)


def _require_steps(sums: np.ndarray, counts: np.ndarray) -> None:
    if sums.ndim != 1 or counts.shape != sums.shape:
        raise ValueError(
            f"values of shape {sums.shape!r} with sizes of shape {counts.shape!r} are no steps: "
            "pass one sum per cluster and, with clusters, one size per cluster"
        )
    if not np.isfinite(sums).all():
        raise ValueError(
            f"value {float(sums[~np.isfinite(sums)][0])!r} is not finite: leave items that were "
            "not measured out and report them"
        )
    if not (counts >= 1).all():
        raise ValueError(f"size {float(counts.min())!r} must be at least 1: pass items per cluster")
