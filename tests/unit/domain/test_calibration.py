"""Calibrations of judges as values."""

from __future__ import annotations

from escalera.domain.calibration import Anchor


def test_an_anchor_is_an_answer_with_what_both_gave_it():
    """It is known by item and answer; its bias has a sign."""
    one = Anchor(item="a/1", answer="x", cluster="c", people=0.75, grade=0.5)
    assert one.key == ("a/1", "x")
    assert one.bias == -0.25
