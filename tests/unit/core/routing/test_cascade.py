"""Thresholds that keep a bound on what is lost."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from escalera.core.routing import cascade


def drawn(chance, n):
    """Signals, and binary scores of two models: the weak one is right as often as it seems."""
    signal = chance.random(n)
    weak = (chance.random(n) < signal).astype(float)
    strong = (chance.random(n) < 0.9).astype(float)
    return signal, weak, strong


def test_the_bound_is_kept_but_for_the_stated_risk():
    """Over 600 samples, against the true loss: 0.9 E[(1 - s) 1(s >= t)] = 0.45 (1 - t)^2."""
    chance = np.random.default_rng(0)
    broken, thresholds = 0, []
    for _ in range(600):
        found = cascade.calibrate(*drawn(chance, 300), most_lost=0.1, risk=0.1)
        thresholds.append(found.threshold)
        broken += 0.45 * (1 - found.threshold) ** 2 > 0.1
    assert broken / 600 < 0.13
    assert broken > 0  # the bound is used, not avoided
    assert np.median(thresholds) == pytest.approx(1 - np.sqrt(0.1 / 0.45), abs=0.12)


def test_what_was_found_is_told_of_the_sample():
    """By hand: with 60 items, none lost, and a bound of 5 % the weak model may answer all."""
    found = cascade.calibrate([0.5] * 60, [1.0] * 60, [1.0] * 60, most_lost=0.05)
    assert (found.threshold, found.bound.lost, found.bound.strong) == (0.5, 0.0, 0.0)
    assert (found.bound.n, found.bound.most_lost, found.bound.risk) == (60, 0.05, 0.05)
    few = cascade.calibrate([0.5] * 58, [1.0] * 58, [1.0] * 58, most_lost=0.05)
    assert (few.threshold, few.bound.strong, few.bound.lost) == (None, 1.0, 0.0)
    none = cascade.calibrate([], [], [], most_lost=0.05)
    assert (none.threshold, none.bound.n, none.bound.strong) == (None, 0, 1.0)


def test_equal_signals_stand_or_fall_together():
    """A threshold cannot part them: 60 good items of one signal with 20 bad ones are not used."""
    weak = [1.0] * 60 + [0.0] * 20
    found = cascade.calibrate([0.7] * 80, weak, [1.0] * 80, most_lost=0.05)
    assert found.threshold is None
    apart = cascade.calibrate([0.7] * 60 + [0.2] * 20, weak, [1.0] * 80, most_lost=0.05)
    assert apart.threshold == 0.7
    assert apart.bound.strong == pytest.approx(0.25)


def test_p_values_are_binomial_for_whole_losses():
    """Beside SciPy; and for losses between 0 and 1 a bound that is never smaller than it."""
    exact = cascade.p_value(3, 100, 0.08, binary=True)
    assert exact == pytest.approx(stats.binom.cdf(3, 100, 0.08), abs=1e-12)
    assert exact < cascade.p_value(3, 100, 0.08, binary=False) < 1
    assert cascade.p_value(9, 100, 0.08, binary=False) == 1.0
    assert cascade.p_value(0, 100, 0.08, binary=False) == pytest.approx(0.92**100)


def test_graded_losses_take_the_wider_test():
    """Half a point is not a whole one, and needs more items."""
    weak, strong = [0.9] * 80, [1.0] * 80
    assert cascade.calibrate([0.5] * 80, weak, strong, most_lost=0.2).threshold == 0.5
    assert cascade.calibrate([0.5] * 80, weak, strong, most_lost=0.11).threshold is None


@pytest.mark.parametrize("most", [0.0, 1.0, 5])
def test_a_bound_is_a_share(most):
    """The message has the value."""
    with pytest.raises(ValueError, match=f"not {most!r}"):
        cascade.calibrate([0.5], [1.0], [1.0], most_lost=most)


def test_items_of_a_cluster_count_once():
    """By hand: 60 clusters of five are 60 observations; the mean is over clusters, not items."""
    clusters = [f"c{n // 5}" for n in range(300)]
    weak, strong = [1.0] * 300, [1.0] * 300
    found = cascade.calibrate([0.5] * 300, weak, strong, most_lost=0.05, clusters=clusters)
    assert (found.threshold, found.bound.n) == (0.5, 60)
    few = cascade.calibrate(
        [0.5] * 290, [1.0] * 290, [1.0] * 290, most_lost=0.05, clusters=clusters[:290]
    )
    assert (few.threshold, few.bound.n) == (None, 58)
    uneven = ["big"] * 10 + [f"c{n}" for n in range(199)]
    weak = [0.0] * 10 + [1.0] * 199
    found = cascade.calibrate([0.5] * 209, weak, [1.0] * 209, most_lost=0.05, clusters=uneven)
    assert found.bound.lost == pytest.approx(1 / 200)
