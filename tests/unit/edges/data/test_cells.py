"""Cells of tables as values of items."""

from __future__ import annotations

import math

from escalera.edges.data import cells


def test_cells_become_what_json_would_write():
    """Numbers and truth values as text, nothing where there is none; other things as they are."""
    row = {"a": 3, "b": True, "c": None, "d": math.nan, "e": 1.5, "f": "x", "g": [1], "h": ""}
    assert cells.told(row) == {"a": "3", "b": "true", "e": 1.5, "f": "x", "g": [1], "h": ""}


def test_an_empty_cell_of_a_csv_file_says_nothing(tmp_path):
    """It cannot be told from a missing one."""
    file = tmp_path / "rows.csv"
    file.write_text("input,target,split\na,b,\n")
    assert [*cells.csv_entries(file)] == [("line 2", {"input": "a", "target": "b"})]
