"""What a route by difficulty brings."""

from __future__ import annotations

import numpy as np
import pytest

from escalera.core.routing import gain


def scores(n=400):
    """A weak model that is right on the first three quarters, a strong one on all."""
    return [1.0] * (3 * n // 4) + [0.0] * (n // 4), [1.0] * n


def test_asking_the_strong_model_where_it_is_needed_is_a_gain():
    """By hand: all is right, while a blind quarter leaves three quarters of the misses."""
    weak, strong = scores()
    found = gain.at_equal_price([score == 0 for score in weak], weak, strong)
    assert found.strong == 0.25
    assert found.interval.estimate == pytest.approx(0.25 * 0.75)
    assert found.word == "gain"


def test_asking_it_where_it_is_not_needed_is_a_loss():
    """It costs the same and brings nothing."""
    weak, strong = scores()
    asked = [n < 100 for n in range(400)]
    assert gain.at_equal_price(asked, weak, strong).word == "loss"


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_single_model_is_its_own_equal(share):
    """At either end nothing is routed, so nothing is gained."""
    weak, strong = scores()
    found = gain.at_equal_price([share == 1.0] * 400, weak, strong)
    assert (found.interval.estimate, found.word) == (0.0, "no gain")


def test_a_useless_signal_is_seldom_called_a_gain():
    """Over 300 samples at level 0.05, half of it on either side."""
    chance = np.random.default_rng(0)
    words = []
    for _ in range(300):
        weak, strong = (chance.random((2, 200)) < [[0.6], [0.8]]).astype(float)
        words.append(gain.at_equal_price(chance.random(200) < 0.5, weak, strong).word)
    assert words.count("gain") / 300 < 0.06
    assert words.count("no gain") / 300 > 0.9


def test_a_cascade_is_held_against_chance_at_its_own_price():
    """By hand: a quarter strong, paid for twice, may cost as much as half by chance."""
    weak, strong = scores()
    found = gain.at_equal_price([score == 0 for score in weak], weak, strong, blindly=0.5)
    assert found.interval.estimate == pytest.approx(0.25 * 0.5)
