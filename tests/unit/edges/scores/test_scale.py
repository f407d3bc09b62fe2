"""What a value in a file is worth."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.edges.scores.scale import Bounds, OffScale, Unscored, cut, mark


@pytest.mark.parametrize(
    ("value", "worth"), [(True, 1.0), (False, 0.0), (1, 1.0), (0, 0.0), (0.5, 0.5), ("C", 1.0)]
)
def test_what_is_plainly_a_score(value, worth):
    """Booleans, known words, and numbers from 0 to 1."""
    assert mark(value, words={"C": 1.0}) == worth


@given(st.floats(0, 1))
def test_a_score_in_the_unit_interval_is_taken_bit_for_bit(value):
    """No arithmetic touches it."""
    assert struct.pack("d", mark(value)) == struct.pack("d", value)


@pytest.mark.parametrize("value", [None, math.nan])
def test_no_score_is_no_zero(value):
    """Nothing, and the NaN that tools write for "not scored"."""
    assert isinstance(mark(value), Unscored)


@pytest.mark.parametrize("value", [3, -0.1, 1.0000001, math.inf, 10**400, "good", "C", [1], {}])
def test_an_unknown_scale_is_refused(value):
    """A 3 may be of 5 or of 10, and a word is not guessed."""
    assert isinstance(mark(value), OffScale)


def test_a_declared_range_is_mapped_to_the_unit_interval():
    """And what is outside of it is refused all the same."""
    assert mark(3, bounds=Bounds(1, 5)) == 0.5
    assert mark(5, bounds=Bounds(1, 5)) == 1.0
    assert isinstance(mark(0, bounds=Bounds(1, 5)), OffScale)


def test_a_long_text_is_cut_to_its_first_line():
    """A traceback is no reason, its first line is."""
    assert cut("Error: no\n  at line 1") == "Error: no"
    assert len(cut("x" * 1000)) == 200
