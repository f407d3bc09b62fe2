"""Drawing without replacement: against a slow reference, confseq, and the full run."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import betting, finite, noninferiority

INDEX = np.arange(1, 121)
SCORES = (INDEX * INDEX * 7 % 101) / 100.0 * 0.6 + (INDEX % 3 == 0) * 0.4


def after(values: object, **plan: object) -> finite.Reading:
    """The reading after all values."""
    return finite.read(finite.update(finite.init(finite.Plan(**plan)), values))


def ever_rich(values: list[float], m: float, population: int, planned: int) -> bool:
    """Whether the bettor on "above m" ever holds 2/alpha, or m has become impossible."""
    wealth, drawn, squares, ever = 1.0, 0.0, 0.0, False
    for t, x in enumerate(values, start=1):
        centre = (population * m - drawn) / (population - t + 1)
        if centre < -1e-9:
            return True
        bet = math.sqrt(2 * math.log(2 / 0.05) / ((0.25 + squares) / t * max(planned, t)))
        bet = min(bet, 0.5 / centre) if centre > 0 else bet
        wealth *= 1 + bet * (x - centre)
        ever = ever or wealth >= 2 / 0.05
        drawn += x
        squares += (x - (0.5 + drawn) / (1 + t)) ** 2
    return ever


@given(
    values=st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), min_size=1, max_size=40),
    more=st.integers(1, 40),
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_the_interval_is_that_of_the_slow_reference(values: list[float], more: int) -> None:
    """Ends lie at the nulls that the plain formulas exclude, or where the rest cannot reach."""
    n = len(values) + more
    plan = {"items": n, "low": 0.0, "high": 1.0, "planned": 10, "nulls": (), "cells": 20}
    found = after(values, **plan).interval
    nulls = [k / 20 for k in range(21)]
    below = [m for m in nulls if ever_rich(values, m, n, 10)]
    above = [m for m in nulls if ever_rich([1 - x for x in values], 1 - m, n, 10)]
    lower, upper = max(below, default=0.0), min(above, default=1.0)
    if lower <= upper:
        expected = max(lower, sum(values) / n), min(upper, (sum(values) + more) / n)
        assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-8)
    assert found.lower <= found.estimate <= found.upper


@pytest.mark.parametrize(
    ("n", "lower", "upper"),
    [
        (1, 0.00028, 0.9936133333),
        (5, 0.0099866667, 0.9766533333),
        (20, 0.115, 0.748),
        (60, 0.339, 0.515),
        (120, 0.402, 0.467),
    ],
)
def test_golden_confseq(n: int, lower: float, upper: float) -> None:
    """Ends of `betting_cs` of confseq 0.0.11 with N = 150, bets for 200 and truncation 1/2."""
    found = after(SCORES[:n], items=150, low=0.0, high=1.0, planned=200, nulls=()).interval
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-9)


def test_all_items_give_the_answer_itself() -> None:
    """At t = N both ends are the mean, ties of rounding are ties, and the label stays."""
    found = after([0.1, 0.2, -0.3], items=3)
    assert (found.interval.lower, found.interval.upper, found.complete) == (0.0, 0.0, True)
    assert found.population == "this data set"
    part = after([0.1, 0.2], items=3)
    assert (part.complete, part.seen, part.population) == (False, 2, "this data set")
    assert after([], items=3).interval.lower == -1.0


def test_the_rest_bounds_the_answer() -> None:
    """With one of ten items missing the mean is known to a tenth of the range, for certain."""
    found = after([1.0] * 9, items=10).interval
    assert (found.lower, found.upper) == pytest.approx((0.8, 1.0), abs=1e-9)


def test_it_narrows_faster_than_for_a_population_without_end() -> None:
    """The same items leave less open about their own data set than about all data."""
    values = np.random.default_rng(35).choice([-0.4, 0.6], 150)
    here = after(values, items=200, planned=100).interval
    state = betting.update(betting.init(betting.Plan(planned=100)), values)
    everywhere = betting.read(state).interval
    assert everywhere.lower <= here.lower
    assert here.upper <= everywhere.upper
    assert here.upper - here.lower < 0.7 * (everywhere.upper - everywhere.lower)


@given(
    values=st.lists(st.floats(-1, 1), min_size=1, max_size=90),
    cuts=st.lists(st.integers(0, 90), max_size=4),
)
@settings(derandomize=True, max_examples=30, deadline=None)
def test_blocks_replay_to_the_same_state(values: list[float], cuts: list[int]) -> None:
    """Single items and any blocks give equal states, bit for bit."""
    single = blocks = finite.init(finite.Plan(items=90, cells=100))
    for x in values:
        single = finite.update(single, [x])
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    for start, end in itertools.pairwise(edges):
        blocks = finite.update(blocks, values[start:end])
    assert blocks == single


def orders(population: np.ndarray, runs: int, margin: float) -> list[str]:
    """Outcomes of the first decided verdict, looking after every ten items, over random orders."""
    rng, outcomes = np.random.default_rng(36), []
    mean = float(population.mean())
    plan = finite.Plan(items=population.size, nulls=(-margin, 0.0, margin, mean), cells=2)
    for _ in range(runs):
        drawn, state, outcome = rng.permutation(population), finite.init(plan), "undecided"
        for start in range(0, population.size, 10):
            state = finite.update(state, drawn[start : start + 10])
            found = finite.read(state).interval
            if not found.lower <= mean <= found.upper:
                outcomes.append("missed")
                break
            outcome = noninferiority.judge(
                estimate=found.estimate, lower=found.lower, upper=found.upper, margin=margin
            ).outcome
            if outcome != "undecided" and start + 10 >= population.size // 2:
                break
        outcomes.append(outcome)
    return outcomes


def test_the_full_run_is_hardly_ever_contradicted() -> None:
    """Over random orders of one skewed data set the mean is missed in at most 5 % (5 sigma)."""
    population = np.where(np.arange(200) % 10 == 0, 0.9, -0.1)
    runs = 600
    outcomes = orders(population, runs, 0.05)
    assert outcomes.count("missed") / runs <= 0.05 + 5 * math.sqrt(0.05 * 0.95 / runs)
    assert outcomes.count("equivalent") + outcomes.count("missed") >= runs
    assert orders(population + 0.1, 50, 0.05).count("better") > 45


def test_a_wrong_mean_is_found_out() -> None:
    """Items drawn by size, not at random, contradict the full run: the order must be random."""
    population = np.sort(np.random.default_rng(37).uniform(-0.5, 0.5, 200))
    found = after(population[:100], items=200).interval
    assert found.upper < float(population.mean()) + 0.5
    assert found.upper < 0


def test_bad_plans_and_values_are_refused() -> None:
    """Empty data sets, more items than there are and values out of bounds raise."""
    with pytest.raises(ValueError, match="items 0"):
        finite.Plan(items=0)
    with pytest.raises(ValueError, match="planned 0"):
        finite.Plan(items=5, planned=0)
    with pytest.raises(ValueError, match="4 items of a data set of 3"):
        after([0.0] * 4, items=3)
    with pytest.raises(ValueError, match="outside the bounds"):
        after([2.0], items=3)
