"""Differences over items and trainings: against a slow reference, and by simulation."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from escalera.core.stats import crossed, paired


def test_distances_of_both_intervals_add_up_in_squares():
    """From plain means and a quantile of a table: t with two degrees of freedom is 4.3027."""
    ones = [[0.9, 0.2, 0.7, 0.4], [0.8, 0.1, 0.9, 0.4], [0.7, 0.5, 0.6, 0.3]]
    others = [[0.5, 0.3, 0.6, 0.1], [0.6, 0.2, 0.5, 0.4], [0.7, 0.2, 0.4, 0.0]]
    found = crossed.interval(ones, others)
    one, other = (
        [statistics.mean(scores) for scores in zip(*t, strict=True)] for t in (ones, others)
    )
    items = paired.interval(one, other)
    seeds = [statistics.mean(a) - statistics.mean(b) for a, b in zip(ones, others, strict=True)]
    half = 4.302652729911275 * statistics.stdev(seeds) / math.sqrt(3)
    assert found.estimate == pytest.approx(statistics.mean(seeds))
    assert found.lower == pytest.approx(
        found.estimate - math.hypot(found.estimate - items.lower, half)
    )
    assert found.upper == pytest.approx(
        found.estimate + math.hypot(items.upper - found.estimate, half)
    )


def test_it_covers_what_both_items_and_trainings_vary_by():
    """95 % and more where both matter, where the interval over items alone covers far less."""
    rng = np.random.default_rng(7)
    hits, naive, runs = 0, 0, 400
    for _ in range(runs):
        item, seed = rng.normal(0, 0.2, 60), rng.normal(0, 0.04, 3)
        noise = rng.normal(0, 0.1, (3, 60))
        ones = np.clip(0.5 + (item + seed[:, None] + noise) / 2, 0, 1)
        found = crossed.interval(list(ones), [np.full(60, 0.5)] * 3)
        hits += found.lower <= 0 <= found.upper
        plain = paired.interval(ones.mean(axis=0), np.full(60, 0.5))
        naive += plain.lower <= 0 <= plain.upper
    assert hits / runs >= 0.94
    assert naive / runs < 0.92


def test_too_few_trainings_are_refused():
    """One says nothing of what a seed does; and pairs are pairs."""
    with pytest.raises(ValueError, match="1 and 1 trainings"):
        crossed.interval([[0.1]], [[0.2]])
    with pytest.raises(ValueError, match="2 and 1 trainings"):
        crossed.interval([[0.1], [0.1]], [[0.2]])


def test_all_alike_is_not_certainty():
    """Where nothing differs the interval is that of a bound, not a point."""
    found = crossed.interval([[1.0] * 30] * 3, [[1.0] * 30] * 3)
    assert found.estimate == 0
    assert found.lower < -0.05
    assert found.upper > 0.05
