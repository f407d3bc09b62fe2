"""From margins to probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from escalera.core.routing import calibration
from escalera.core.routing.calibration import Scale


def drawn(sharpness, size=4000):
    """Margins, and types drawn with the probabilities that *sharpness* gives them."""
    chance = np.random.default_rng(0)
    margins = chance.normal(size=(size, 3)).astype(np.float32)
    odds = Scale(sharpness=sharpness, margin_spread=1, likeness_spread=1).probabilities(margins)
    told = (chance.random(size)[:, None] > odds.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return margins, np.arange(3) == told[:, None]


@pytest.mark.parametrize("sharpness", [0.5, 2.0, 8.0])
def test_the_sharpness_behind_the_types_is_found(sharpness):
    """By likelihood, whatever it was; and probabilities then mean what they say."""
    margins, wanted = drawn(sharpness)
    found = calibration.scale(margins, margins, wanted)
    assert found.sharpness == pytest.approx(sharpness, rel=0.1)
    odds = found.probabilities(margins)
    best = odds.argmax(axis=1)
    right = wanted[np.arange(len(best)), best]
    assert calibration.calibration_error(odds.max(axis=1), right) < 0.02
    blunt = Scale(sharpness=0.05, margin_spread=1, likeness_spread=1).probabilities(margins)
    assert calibration.calibration_error(blunt.max(axis=1), right) > 0.1


def test_calibration_error_of_three_messages_by_hand():
    """Gaps of 0.45 and 0.15, on two of three and one of three."""
    error = calibration.calibration_error(np.array([0.95, 0.95, 0.15]), np.array([1, 0, 0]))
    assert error == pytest.approx((2 * 0.45 + 0.15) / 3)


def test_familiarity_adds_what_each_says_in_its_own_spread():
    """So neither outweighs the other by its unit alone."""
    scale = Scale(sharpness=1, margin_spread=0.5, likeness_spread=0.1)
    assert scale.familiarity(1.0, 0.3) == pytest.approx(2.0 + 3.0 * calibration.LIKENESS)


def test_without_left_out_messages_nothing_is_scaled():
    """One message of each type can teach no scale."""
    empty = np.zeros((0, 2), np.float32)
    assert calibration.scale(empty, empty, empty.astype(bool)) == calibration.UNSCALED
