"""The winner's fresh figure is unbiased, the selection's is not, and only the first is reported."""

import math

import numpy as np
import pytest

from escalera.core.stats import best_of, mean, paired


def test_the_highest_mean_wins_and_ties_go_to_the_earlier() -> None:
    """Selection keeps winner, its mean, the number of arms and the items it used."""
    found = best_of.select([0.5, 0.7, 0.7], ["a", "b"])
    assert (found.winner, found.arms, found.selection_mean) == (1, 3, 0.7)
    assert found.items == {"a", "b"}


def test_only_the_fresh_figure_is_reported() -> None:
    """Reported and gain are the intervals of the fresh scores; optimism is the difference."""
    selected = best_of.select([0.6, 0.9], range(10))
    fresh, incumbent = [1.0] * 7 + [0.0] * 3, [1.0] * 5 + [0.0] * 5
    labels = [i // 2 for i in range(10)]
    found = best_of.confirm(
        selected, range(10, 20), fresh, incumbent=incumbent, clusters=labels, alpha=0.1
    )
    assert found.reported == mean.interval(fresh, labels, alpha=0.1)
    assert found.gain == paired.interval(fresh, incumbent, labels, alpha=0.1)
    assert found.optimism.estimate == pytest.approx(0.2)
    assert found.optimism.lower == pytest.approx(0.9 - found.reported.upper)
    assert found.optimism.upper == pytest.approx(0.9 - found.reported.lower)
    assert best_of.confirm(selected, range(10, 20), fresh).gain is None


def test_used_items_are_refused() -> None:
    """An item that chose cannot confirm; nor twice, nor without a score."""
    selected = best_of.select([0.6, 0.9], ["a", "b"])
    with pytest.raises(ValueError, match="'b' and 0 more took part"):
        best_of.confirm(selected, ["c", "b"], [1.0, 0.0])
    with pytest.raises(ValueError, match="'c' is given twice"):
        best_of.confirm(selected, ["c", "c"], [1.0, 0.0])
    with pytest.raises(ValueError, match="1 scores for 2 fresh items"):
        best_of.confirm(selected, ["c", "d"], [1.0])


def test_a_selection_of_nothing_is_refused() -> None:
    """No arms, no items, and means that are none raise."""
    with pytest.raises(ValueError, match="0 arms on 1 items"):
        best_of.select([], ["a"])
    with pytest.raises(ValueError, match="1 arms on 0 items"):
        best_of.select([0.5], [])
    with pytest.raises(ValueError, match="not finite"):
        best_of.select([math.nan], ["a"])
    with pytest.raises(ValueError, match="outside"):
        best_of.select([1.2], ["a"])


def test_fresh_is_unbiased_where_the_maximum_is_not() -> None:
    """16 equal arms of mean 0.7, 50 items: the maximum is over 0.08 too high, the fresh mean of 50
    items within 0.01, and its 95 % interval covers (seeded, 600 runs: standard error 0.0027).
    """
    rng = np.random.default_rng(31)
    optimism, error, covered, runs = [], [], 0, 600
    for _ in range(runs):
        means = rng.binomial(50, 0.7, size=16) / 50
        selected = best_of.select(means.tolist(), range(50))
        fresh = (rng.random(50) < 0.7).astype(float)
        found = best_of.confirm(selected, range(50, 100), fresh)
        optimism.append(found.optimism.estimate)
        error.append(found.reported.estimate - 0.7)
        covered += found.reported.lower <= 0.7 <= found.reported.upper
    assert np.mean(optimism) > 0.08
    assert abs(np.mean(error)) < 0.01
    assert covered / runs > 0.92
