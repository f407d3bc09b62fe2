"""The confidence sequence: against a slow reference, confseq, and ever missing the mean."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import betting, bounded, noninferiority

INDEX = np.arange(1, 121)
SCORES = (INDEX * INDEX * 7 % 101) / 100.0 * 0.6 + (INDEX % 3 == 0) * 0.4


def after(values: object, sizes: object = None, **plan: object) -> betting.Reading:
    """The reading after all values."""
    state = betting.init(betting.Plan(**plan))
    return betting.read(betting.update(state, values, sizes=sizes))


def ever_rich(steps: list[tuple[float, int]], m: float, largest: int, planned: int | None) -> bool:
    """Whether the bettor on "above m" ever holds 2/alpha: the formulas, step by step, in [0, 1]."""
    wealth, total, weight, squares, ever = 1.0, 0.0, 0.0, 0.0, False
    for t, (value, size) in enumerate(steps, start=1):
        variance = (0.25 + squares) / t
        clock = t * math.log(1 + t) if planned is None else max(planned, t)
        bet = math.sqrt(2 * math.log(2 / 0.05) / (variance * clock))
        bet = min(bet, 0.5 / m) if m > 0 else bet
        wealth *= 1 + bet * (value - size * m) / largest
        ever = ever or wealth >= 2 / 0.05
        total, weight = total + value / largest, weight + size / largest
        squares += (value / largest - size / largest * (0.5 + total) / (1 + weight)) ** 2
    return ever


@given(
    rows=st.lists(st.tuples(st.integers(1, 3), st.floats(0, 1)), min_size=1, max_size=50),
    planned=st.sampled_from([None, 1, 20]),
    tilt=st.floats(0.1, 8),
)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_the_interval_is_that_of_the_slow_reference(
    rows: list[tuple[int, float]], planned: int | None, tilt: float
) -> None:
    """Ends lie at the nulls that the plain formulas exclude, clusters and mirror included."""
    steps = [(n * x**tilt, n) for n, x in rows]
    found = after(
        [s for s, _ in steps],
        [n for _, n in steps],
        low=0.0,
        high=1.0,
        planned=planned,
        nulls=(),
        cells=20,
        largest_cluster=3,
    ).interval
    nulls = [k / 20 for k in range(21)]
    below = [m for m in nulls if ever_rich(steps, m, 3, planned)]
    mirror = [(n - s, n) for s, n in steps]
    above = [m for m in nulls if ever_rich(mirror, 1 - m, 3, planned)]
    expected = sorted((max(below, default=0.0), min(above, default=1.0)))
    assert [found.lower, found.upper] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("planned", "n", "lower", "upper"),
    [
        (None, 5, 0.0, 0.798),
        (None, 20, 0.254, 0.623),
        (None, 60, 0.330, 0.527),
        (None, 120, 0.365, 0.504),
        (200, 20, 0.094, 0.773),
        (200, 60, 0.313, 0.537),
        (200, 120, 0.373, 0.500),
    ],
)
def test_golden_confseq(planned: int | None, n: int, lower: float, upper: float) -> None:
    """Ends of `betting_cs` of confseq 0.0.11: the paper's bets, 1000 cells, truncation 1/2."""
    found = after(SCORES[:n], low=0.0, high=1.0, planned=planned, nulls=()).interval
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-9)


@given(
    values=st.lists(st.sampled_from([-1.0, -0.3, 0.0, 0.2, 1.0]), min_size=1, max_size=150),
    cuts=st.lists(st.integers(0, 150), max_size=5),
)
@settings(derandomize=True, max_examples=40, deadline=None)
def test_blocks_replay_to_the_same_state(values: list[float], cuts: list[int]) -> None:
    """Single steps and any blocks give equal states, bit for bit, and narrowing intervals."""
    single = blocks = betting.init(betting.Plan(planned=50, cells=100, nulls=(0.0, 0.05)))
    width = 2.0
    for x in values:
        single = betting.update(single, [x])
        found = betting.read(single).interval
        assert found.lower <= found.estimate <= found.upper
        assert found.upper - found.lower <= width + 1e-12 or found.lower > found.upper - 0.1
        width = found.upper - found.lower
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    for start, end in itertools.pairwise(edges):
        blocks = betting.update(blocks, values[start:end])
    assert blocks == single
    assert hash(blocks) == hash(single)


def verdict(values: object, margin: float) -> noninferiority.Verdict:
    """What the interval after all values says against a margin."""
    found = after(values, planned=200, nulls=(-margin, 0.0, margin)).interval
    return noninferiority.judge(
        estimate=found.estimate, lower=found.lower, upper=found.upper, margin=margin
    )


def test_every_question_is_read_from_the_interval() -> None:
    """Better, worse, equivalent and non-inferior, each once the data say so."""
    rng = np.random.default_rng(33)
    noise = rng.choice([-0.3, 0.3], 600)
    assert verdict(noise + 0.15, 0.05).outcome == "better"
    assert verdict(noise - 0.15, 0.05).outcome == "worse"
    assert verdict(np.zeros(600), 0.05).outcome == "equivalent"
    assert verdict(noise[:40], 0.05).outcome == "undecided"
    assert verdict(noise / 3 + 0.03, 0.05).non_inferior


def test_a_null_on_the_grid_is_answered_exactly() -> None:
    """Excluding 0 itself is enough: the grid's next value need not be excluded too."""
    coarse = {"cells": 4, "low": -1.0, "high": 1.0}
    n = next(k for k in range(1, 200) if after([0.4] * k, **coarse).interval.lower > 0)
    fine = next(k for k in range(1, 200) if after([0.4] * k, cells=4000).interval.lower > 0)
    assert n == fine
    assert after([0.4] * n, **coarse).interval.lower < 1e-300


def test_before_any_step_nothing_is_known() -> None:
    """The whole range; an empty block changes nothing."""
    found = after([], low=0.0, high=1.0, nulls=())
    assert (found.interval.lower, found.interval.upper) == (0.0, 1.0)
    assert (found.steps, found.items) == (0, 0)


def test_a_mean_that_changes_ends_in_no_claim() -> None:
    """Ends that pass each other are exchanged: what lies between old and new mean stays open."""
    before, change = [0.5] * 20, [-0.5] * 2000
    assert after(before, planned=100).interval.lower > 0.04
    found = after(before + change, planned=100).interval
    assert found.lower < -0.3
    assert 0.04 < found.upper < 0.07


def misses(draw: object, runs: int, mean: float, **plan: object) -> float:
    """Share of runs whose running interval ever excluded the mean."""
    rng, missed = np.random.default_rng(34), 0
    for _ in range(runs):
        found = after(*draw(rng), nulls=(mean,), cells=2, **plan).interval
        missed += not found.lower <= mean <= found.upper
    return missed / runs


def clustered(rng: np.random.Generator) -> tuple[object, object]:
    """Clusters of 1 to 6 alike items whose values fall with size: E[S]/E[n] = 0.04375/3.5."""
    sizes = rng.integers(1, 7, 120)
    level = rng.choice([-0.5, 0.5], 120)
    return sizes * np.clip(0.4 + level - 0.09 * sizes, -1.0, 1.0), sizes


def cluster_mean() -> float:
    """The mean over items of `clustered`, by summing over its twelve cases."""
    cases = [(n, n * min(1.0, 0.4 + h - 0.09 * n)) for n in range(1, 7) for h in (-0.5, 0.5)]
    return sum(s for _, s in cases) / sum(n for n, _ in cases)


@pytest.mark.parametrize("planned", [None, 100])
def test_the_mean_is_hardly_ever_missed(planned: int | None) -> None:
    """At any time, ever: at most 5 % (1,500 runs, 5 sigma), for skewed items and for clusters."""
    limit = 0.05 + 5 * math.sqrt(0.05 * 0.95 / 1500)

    def skewed(rng: np.random.Generator) -> tuple[object]:
        return (np.where(rng.random(300) < 0.1, 0.9, -0.1),)

    assert misses(skewed, 1500, 0.0, planned=planned) <= limit
    assert misses(clustered, 1500, cluster_mean(), planned=planned, largest_cluster=6) <= limit


def test_the_simulation_would_see_a_fault() -> None:
    """Items of a cluster passed as independent, or a wrong mean, are missed far more often."""

    def unclustered(rng: np.random.Generator) -> tuple[object]:
        sums, sizes = clustered(rng)
        return (np.repeat(sums / sizes, sizes),)

    assert misses(unclustered, 150, cluster_mean(), planned=300) > 0.1
    assert misses(clustered, 150, 0.4, planned=100, largest_cluster=6) > 0.5
    sums, sizes = bounded.per_cluster([0.1, 0.2, 0.4], ["a", "b", "a"])
    assert after(sums, sizes, largest_cluster=2).interval.estimate == pytest.approx(0.7 / 3)


def test_bad_plans_and_values_are_refused() -> None:
    """What capital and bounds refuse raises when the plan is made, and steps when they come."""
    with pytest.raises(ValueError, match="planned 0"):
        betting.Plan(planned=0)
    with pytest.raises(ValueError, match="cells 1"):
        betting.Plan(cells=1)
    with pytest.raises(ValueError, match="null"):
        betting.Plan(nulls=(1.0,))
    with pytest.raises(ValueError, match="outside the bounds"):
        after([1.5])
