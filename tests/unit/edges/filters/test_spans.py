"""Spans that do not overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.edges.filters.spans import apart


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5))))
def test_the_same_characters(drawn):
    """None is lost, none is there twice."""
    spans = [(start, start + long) for start, long in drawn]
    found = apart(spans)
    covered = [at for start, end in found for at in range(start, end)]
    assert covered == sorted({at for start, end in spans for at in range(start, end)})
