"""Columns that are named and that nobody has."""

from __future__ import annotations

import pytest

from escalera.core.data.columns import looked_for
from escalera.core.data.flaws import Flaw

ROWS = [("line 2", {"q": "i", "who": "c"}), ("line 3", Flaw("broken", "Mend"))]


def test_a_column_that_no_row_has_is_told():
    """Behind all rows, since cells may be empty; a column that one row has is there."""
    columns = {"input": "q", "cluster": "who", "licence": "terms"}
    *same, (place, flaw) = looked_for(ROWS, columns)
    assert same == ROWS
    assert place == ""
    assert "no row says anything in the column 'terms', named as its `licence`" in flaw.problem
    assert "the first row has 'q', 'who'" in flaw.problem


@pytest.mark.parametrize("columns", [{}, {"cluster": "who"}, {"input": "gone", "target": "gone"}])
def test_nothing_is_added_to_what_is_right(columns):
    """Rows without their input or target are told one by one."""
    assert [*looked_for(ROWS, columns)] == ROWS


def test_a_file_without_rows_lacks_no_column():
    """Something else is wrong with it."""
    assert [*looked_for(ROWS[1:], {"cluster": "who"})] == ROWS[1:]
