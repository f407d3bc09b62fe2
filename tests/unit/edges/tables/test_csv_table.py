"""The rows of CSV files, for whoever reads them."""

from __future__ import annotations

import pytest

from escalera.edges.tables import csv_table
from escalera.errors import DataError, ScoresError


def rows(path, error=DataError):
    with csv_table.opened(path) as stream:
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


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,2\n3,\xe9\n", "line 3: is not CSV .it holds bytes that are no UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "line 1: is not CSV .it holds bytes that are no UTF-8"),
        (b"a,b,a\n1,2,3\n", "line 1: names the column 'a' twice. Rename one of them"),
        (b"a;b\n1;2\n", "line 1: has one column, 'a;b', whose name holds ';'. .* commas"),
        (b'a,b\n1,2\n"3,4\n5,6\n', "line 3: is not CSV"),
        (b"a,b\n1," + b"2" * 131_073, "line 2: a cell has more than 131072 .* JSON lines"),
        (b'a,b\n1,2\n"' + b"3,4\n" * 40_000, "line 3: a cell has .*Close its quotation mark"),
    ],
)
def test_the_line_that_is_told_is_the_one_that_is_wrong(tmp_path, data, said):
    """Not the one up to which the file had been read when it was noticed."""
    file = tmp_path / "t.csv"
    file.write_bytes(data)
    with pytest.raises(DataError, match=said):
        rows(file)


def test_a_broken_row_does_not_hide_the_next(tmp_path):
    """For who looks at all of them."""
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1\n2,é\n", encoding="utf-8")
    with csv_table.opened(file) as stream:
        (_, broken), read = csv_table.entries(file, stream, error=DataError)
    assert broken == csv_table.Broken("has 1 cells under 2 names of columns")
    assert read == ("line 3", {"a": "2", "b": "é"})
