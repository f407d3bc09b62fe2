"""A confidence sequence for means of values without bounds: cost, latency, tokens.

Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52), theorem 2.2: the boundary of a Gaussian
mixture around the running mean, with the estimated deviation. All intervals of all times together
cover the mean with probability that tends to 1 - alpha as the first look comes later: hence a
warm-up, and never in place of `betting` where bounds are known. Costs and latencies are skewed: the
end on the side of the long tail is moved out by the first term of Cornish and Fisher (1938), which
vanishes faster than the width. Superiority, non-inferiority and equivalence are read from the
interval by `noninferiority.judge`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from escalera.arrays import np
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
    value exists. `warm_up`: steps before which nothing is claimed, at least 20; 30 is enough for
    differences that are about symmetric, 100 keeps the error under 5 % for lognormal costs of
    log-deviation 1.
    """

    planned: int
    floor: float
    alpha: float = 0.05
    warm_up: int = 100

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
    """The plan and running moments of steps (sum s, size n), each about the current means.

    `squares`: sums of ss, sn, nn; `cubes`: sums of sss, ssn, snn, nnn, with s and n less their
    means (Welford 1962; Pebay 2008 for third powers).
    """

    plan: Plan
    steps: int = 0
    mean_sum: float = 0.0
    mean_size: float = 0.0
    squares: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cubes: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The interval so far, of the mean over items; unbounded before the warm-up is over.

    The estimate is 0 before any step. `deviation`: of one step, in the units of an item;
    `skewness`: of steps, without unit.
    """

    interval: Interval
    steps: int
    deviation: float
    skewness: float
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
    """Return mean -+ deviation * half_width, the end in the long tail moved further out.

    By |skewness| (2 a^2 + 1) / (6 t) deviations, where a = half_width * sqrt(t) is the boundary in
    standard errors. With clusters of unequal size the mean is sum(s) / sum(n), and deviation and
    skewness are those of its influence function, s - mean * n over the mean size.
    """
    t = state.steps
    mean = state.mean_sum / state.mean_size if t else 0.0
    deviation, skewness = _shape(state, mean)
    warm = t >= state.plan.warm_up
    below = above = math.inf
    if warm:
        width = half_width(t, state.plan)
        tail = skewness * (2.0 * width * width * t + 1.0) / (6.0 * t)
        below = deviation * (width + max(0.0, -tail))
        above = deviation * (width + max(0.0, tail))
    return Reading(
        interval=Interval(
            estimate=mean,
            lower=mean - below,
            upper=mean + above,
            alpha=state.plan.alpha,
            method="asymptotic",
        ),
        steps=t,
        deviation=deviation,
        skewness=skewness,
        warm=warm,
    )


def half_width(steps: int, plan: Plan) -> float:
    """Return half the width of the interval after that many steps, in standard deviations.

    sqrt(2 (t r^2 + 1) / (t^2 r^2) * ln(sqrt(t r^2 + 1) / alpha)), with
    r^2 = (-2 ln alpha + ln(-2 ln alpha) + 1) / t* to be tightest near t* (Waudby-Smith et al. 2024,
    theorem 2.2 and its tuning).
    """
    log = -2.0 * math.log(plan.alpha)
    inner = steps * (log + math.log(log) + 1.0) / plan.planned
    boundary = math.log(math.sqrt(inner + 1.0) / plan.alpha)
    return math.sqrt(2.0 * (inner + 1.0) / (steps * inner) * boundary)


# Private.


def _add(state: State, value: float, size: float) -> State:
    t = state.steps + 1
    s, n = value - state.mean_sum, size - state.mean_size
    ss, sn, nn = state.squares
    sss, ssn, snn, nnn = state.cubes
    once, twice = (t - 1) / t, (t - 1) * (t - 2) / (t * t)
    return replace(
        state,
        steps=t,
        mean_sum=state.mean_sum + s / t,
        mean_size=state.mean_size + n / t,
        squares=(ss + once * s * s, sn + once * s * n, nn + once * n * n),
        cubes=(
            sss + twice * s * s * s - 3.0 * s * ss / t,
            ssn + twice * s * s * n - (2.0 * s * sn + n * ss) / t,
            snn + twice * s * n * n - (s * nn + 2.0 * n * sn) / t,
            nnn + twice * n * n * n - 3.0 * n * nn / t,
        ),
    )


def _shape(state: State, mean: float) -> tuple[float, float]:
    """Sample deviation of s - mean * n over the mean size, not below the floor, and skewness."""
    t, floor = state.steps, state.plan.floor
    if t < 2:
        return floor, 0.0
    ss, sn, nn = state.squares
    sss, ssn, snn, nnn = state.cubes
    square = max(0.0, ss - 2.0 * mean * sn + mean**2 * nn)
    cube = sss - 3.0 * mean * ssn + 3.0 * mean**2 * snn - mean**3 * nnn
    deviation = math.sqrt(square / (t - 1)) / state.mean_size
    if deviation <= floor:
        return floor, 0.0
    return deviation, cube / t / (square / t) ** 1.5


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
