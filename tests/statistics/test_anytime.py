"""Simulated error rates of the modes that may be read at any time, looking after every step.

Each simulation lives under its null. A rate is judged by its exact upper 99 % bound, over 20,000
runs or more, so that "at most 5 %" is shown and not merely not refuted. The generator is seeded: a
rate changes only with the code.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from escalera.core.stats import asymptotic, betting, eprocess, finite, noninferiority

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

RUNS = 20_000
Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[Floats, Floats | None]]


def upper_bound(errors: int, runs: int) -> float:
    """Clopper and Pearson's upper 99 % bound of a rate."""
    return float(scipy.stats.beta.ppf(0.99, errors + 1, runs - errors))


def ternary(rng: np.random.Generator) -> tuple[Floats, None]:
    """Differences of right/wrong scores: gains and losses of 15 % each."""
    return rng.choice([-1.0, 0.0, 1.0], 400, p=[0.15, 0.7, 0.15]), None


def skewed(rng: np.random.Generator) -> tuple[Floats, None]:
    """One large gain for nine small losses."""
    return np.where(rng.random(400) < 0.1, 0.9, -0.1), None


def judged(rng: np.random.Generator) -> tuple[Floats, None]:
    """Equal systems under a noisy judge: graded differences with a flip of sign in one of five."""
    true = np.round(rng.normal(0.0, 0.2, 400), 1)
    return np.clip(true * rng.choice([-1.0, 1.0], 400, p=[0.2, 0.8]), -1.0, 1.0), None


def clustered(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Strongly alike items in clusters of 1 to 8; small ones gain what large ones lose."""
    sizes = rng.integers(1, 9, 150).astype(np.float64)
    level = rng.choice([-0.4, 0.4], 150) + 0.04 * (204 / 36 - sizes)
    return sizes * level, sizes


CASES = pytest.mark.parametrize(
    ("draw", "largest"), [(ternary, 1), (skewed, 1), (judged, 1), (clustered, 8)]
)


def test_the_clustered_null_is_a_null() -> None:
    """E[S] = 0 for `clustered`: sum n (c - n) is 0 at c = sum n^2 / sum n."""
    assert sum(n * (204 / 36 - n) for n in range(1, 9)) == pytest.approx(0.0, abs=1e-9)


@CASES
def test_the_e_process_hardly_ever_crosses(draw: Draw, largest: int) -> None:
    """Ever reaching 1/alpha, in either direction."""
    rng, errors = np.random.default_rng(51), 0
    start = eprocess.init(eprocess.Plan(largest_cluster=largest))
    for _ in range(RUNS):
        values, sizes = draw(rng)
        found = eprocess.read(eprocess.update(start, values, sizes=sizes))
        errors += found.status != "continue"
    assert upper_bound(errors, RUNS) <= 0.05


@pytest.mark.parametrize("planned", [None, 50, 300])
@CASES
def test_the_interval_hardly_ever_misses(draw: Draw, largest: int, planned: int | None) -> None:
    """Ever excluding the mean: claims are final, so the last interval knows of all of them."""
    rng, above, below = np.random.default_rng(52), 0, 0
    plan = betting.Plan(largest_cluster=largest, planned=planned, cells=2)
    for _ in range(RUNS):
        values, sizes = draw(rng)
        found = betting.read(betting.update(betting.init(plan), values, sizes=sizes)).interval
        above += found.lower > 0
        below += found.upper < 0
    assert upper_bound(above + below, RUNS) <= 0.05
    assert max(above, below) / RUNS <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / RUNS)


@pytest.mark.parametrize("stopping", ["first significant", "drop below", "random"])
def test_coverage_when_stopping_by_the_data(stopping: str) -> None:
    """Stopping when it looks good, when it looks bad or by chance: the mean stays covered."""
    rng, errors, runs, mean = np.random.default_rng(53), 0, 4000, 0.05
    plan = betting.Plan(planned=100, nulls=(0.0, mean), cells=20)
    for _ in range(runs):
        values = rng.choice([-1.0, 0.0, 1.0], 300, p=[0.15, 0.65, 0.2])
        state = betting.init(plan)
        for start in range(0, 300, 10):
            state = betting.update(state, values[start : start + 10])
            found = betting.read(state).interval
            good = found.lower > 0 or found.upper < 0
            bad = found.estimate < -0.05
            if {"first significant": good, "drop below": bad, "random": rng.random() < 0.1}[
                stopping
            ]:
                break
        errors += not found.lower <= mean <= found.upper
    assert upper_bound(errors, runs) <= 0.05


def test_different_systems_are_hardly_ever_called_equivalent() -> None:
    """At a true difference of the margin, by the first verdict: "equivalent" in at most 2.5 %."""
    rng, wrong, runs, margin = np.random.default_rng(54), 0, 20_000, 0.1
    plan = betting.Plan(planned=200, nulls=(-margin, 0.0, margin), cells=2)
    decided = 0
    for _ in range(runs):
        values = rng.choice([-1.0, 0.0, 1.0], 600, p=[0.1, 0.7, 0.2])
        found = betting.read(betting.update(betting.init(plan), values)).interval
        wrong += found.upper < margin
        decided += found.lower > 0
    assert upper_bound(wrong, runs) <= 0.025
    assert decided / runs > 0.9


@pytest.mark.parametrize("shape", ["ternary", "skewed"])
@pytest.mark.parametrize("size", [60, 400])
def test_the_full_run_is_hardly_ever_contradicted(shape: str, size: int) -> None:
    """Over random orders: the data set's mean is ever excluded in at most 5 %, no wrong sign more
    often than 2.5 %.
    """
    rng, missed, wrong = np.random.default_rng(55), 0, 0
    population = np.zeros(size)
    if shape == "ternary":
        population[: size // 5], population[size // 5 : size // 3] = 1.0, -1.0
    else:
        population = np.where(np.arange(size) % 10 == 0, 0.9, -0.08)
    mean = float(population.mean())
    plan = finite.Plan(items=size, nulls=(0.0, mean), cells=2)
    for _ in range(RUNS):
        state = finite.update(finite.init(plan), rng.permutation(population)[: size - 1])
        found = finite.read(state).interval
        missed += not found.lower - 1e-12 <= mean <= found.upper + 1e-12
        wrong += found.upper < 0
    assert upper_bound(missed, RUNS) <= 0.05
    assert upper_bound(wrong, RUNS) <= 0.025


SHAPES: dict[str, tuple[Callable[[np.random.Generator], Floats], float]] = {
    "normal": (lambda rng: rng.normal(0.0, 1.0, 1000), 0.0),
    "exponential": (lambda rng: rng.exponential(1.0, 1000), 1.0),
    "lognormal": (lambda rng: rng.lognormal(0.0, 1.0, 1000), math.exp(0.5)),
    "difference": (
        lambda rng: rng.lognormal(0.0, 1.0, 1000) - rng.lognormal(0.0, 0.5, 1000),
        math.exp(0.5) - math.exp(0.125),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_asymptotic_interval_rarely_misses(shape: str) -> None:
    """Steps 100 to 1,000, t* = 300, every step a look, costs with long tails: ever, at most 5 %."""
    draw, mean = SHAPES[shape]
    plan = asymptotic.Plan(planned=300, floor=1e-9)
    t = np.arange(1, 1001)
    halves = np.array([asymptotic.half_width(int(k), plan) for k in t])
    rng, errors = np.random.default_rng(56), 0
    for _ in range(RUNS):
        lower, upper = bands(draw(rng), halves)
        errors += bool(((mean < lower) | (mean > upper))[plan.warm_up - 1 :].any())
    assert upper_bound(errors, RUNS) <= 0.05


def bands(x: Floats, halves: Floats) -> tuple[Floats, Floats]:
    """Both ends at every step, by arrays."""
    t = np.arange(1, x.size + 1)
    first, second, third = (np.cumsum(x**k) / t for k in (1, 2, 3))
    variance = np.maximum(second - first**2, 1e-12)
    skewness = (third - 3 * first * second + 2 * first**3) / variance**1.5
    deviation = np.sqrt(variance * t / np.maximum(t - 1, 1))
    tail = skewness * (2 * halves**2 * t + 1) / (6 * t)
    return (
        first - deviation * (halves + np.maximum(0, -tail)),
        first + deviation * (halves + np.maximum(0, tail)),
    )


def test_the_simulated_bands_are_those_that_are_read() -> None:
    """The arrays above and `read` agree at every step."""
    x = np.random.default_rng(59).exponential(1.0, 200)
    plan = asymptotic.Plan(planned=100, floor=1e-9, warm_up=20)
    lower, upper = bands(x, np.array([asymptotic.half_width(k, plan) for k in range(1, 201)]))
    state = asymptotic.init(plan)
    for k, value in enumerate(x.tolist()):
        state = asymptotic.update(state, value)
        if k >= 19:
            found = asymptotic.read(state).interval
            assert (found.lower, found.upper) == pytest.approx((lower[k], upper[k]), rel=1e-9)


def test_asymptotic_clusters_rarely_miss() -> None:
    """Unequal clusters whose cost falls with size: the mean of items is covered."""
    rng, errors, runs = np.random.default_rng(57), 0, 1000
    plan = asymptotic.Plan(planned=100, floor=1e-9)
    for _ in range(runs):
        sums, sizes = clustered(rng)
        state, missed = asymptotic.init(plan), False
        for value, size in zip(sums.tolist(), sizes.tolist(), strict=True):
            state = asymptotic.update(state, value, sizes=[size])
            found = asymptotic.read(state).interval
            missed = missed or not found.lower <= 0.0 <= found.upper
        errors += missed
    assert upper_bound(errors, runs) <= 0.06


def test_a_margin_verdict_reads_alike_in_every_mode() -> None:
    """On the same 600 pairs each mode tells equal systems equivalent, within their own data."""
    rng = np.random.default_rng(58)
    values = rng.choice([-0.2, 0.2], 600)
    modes = (
        betting.read(
            betting.update(betting.init(betting.Plan(planned=300, nulls=(-0.05, 0.05))), values)
        ).interval,
        finite.read(
            finite.update(finite.init(finite.Plan(items=700, nulls=(-0.05, 0.05))), values)
        ).interval,
        asymptotic.read(
            asymptotic.update(asymptotic.init(asymptotic.Plan(planned=300, floor=0.01)), values)
        ).interval,
    )
    for found in modes:
        verdict = noninferiority.judge(
            estimate=found.estimate, lower=found.lower, upper=found.upper, margin=0.05
        )
        assert verdict.outcome == "equivalent"
