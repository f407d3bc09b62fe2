"""The rows of CSV files, for whoever reads them."""

from __future__ import annotations

import pytest

from escalera.edges.tables import csv_table
from escalera.errors import DataError, ScoresError


def rows(path, error=DataError):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [*csv_table.rows(path, stream, error=error)]


def test_cells_stand_under_their_names(tmp_path):
    """With the line on which the row ends, and with the delimiter of the ending."""
    file = tmp_path / "t.tsv"
    file.write_text('a\tb\n1\t"x\ny"\n\n2\t\n')
    assert rows(file) == [
        ("line 3", {"a": "1", "b": "x\ny"}),
        ("line 5", {"a": "2", "b": ""}),
    ]


@pytest.mark.parametrize("error", [DataError, ScoresError])
def test_what_is_no_table_is_told_as_the_caller_says(tmp_path, error):
    """In the words of the caller's task."""
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1\n")
    with pytest.raises(error, match=r"t\.csv, line 2: has 1 cells under 2 names"):
        rows(file, error)
