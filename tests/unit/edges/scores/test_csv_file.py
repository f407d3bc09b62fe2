"""CSV: what is written reads back, and a spreadsheet runs none of it."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from tests.unit.edges.scores.tables import AWKWARD, TABLES, bits, table

from escalera.edges.scores import csv_file
from escalera.errors import ScoresError


@given(TABLES)
@settings(deadline=None)
def test_what_is_written_reads_back(tmp_path_factory, rows):
    """Every row, and every score bit for bit."""
    file = tmp_path_factory.mktemp("csv") / "scores.csv"
    csv_file.write(rows, file)
    assert bits(csv_file.read(file)) == bits(rows)


def test_no_cell_is_a_formula(tmp_path):
    """Text that a spreadsheet would run begins with an apostrophe; numbers stay numbers."""
    file = tmp_path / "scores.csv"
    csv_file.write(table(*({"item": name, "system": "=SUM(A1)"} for name in AWKWARD)), file)
    with file.open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert "'=SUM(A1)" in cells
    assert "'-1" in cells
    assert "0.5" in cells
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r") and cell[:1]]


def test_files_of_others_are_read(tmp_path):
    """With a byte order mark, tabs, quotes, empty lines and lines within cells."""
    file = tmp_path / "mine.tsv"
    file.write_bytes(b'\xef\xbb\xbfid\tscore\treason\r\n"a\nb"\t1\t\r\n\r\n\'tis\t\t"no ""go"""\n')
    rows = csv_file.read(file).rows
    assert [(row.item, row.score, row.reason) for row in rows] == [
        ("a\nb", 1.0, None),
        ("'tis", None, 'no "go"'),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"item,score\n1,1\n2\n", "line 3: has 1 cells under 2 names of columns"),
        (b"item,score\n1,1,1\n", "line 2: has 3 cells"),
        (b'item,score\n"1"x,1\n', "line 2: is not CSV"),
        (b"item,score\n1,\xff\n", "is not CSV"),
        (b"item,score,score\n1,1,0\n", "line 1: names the column 'score' twice"),
        (b"item;score\n1;1\n", "has one column, 'item;score'"),
        (b"item,score\n1," + b"1" * 2_000_000, "a line is longer than 1000000 characters"),
        (b"item,score\n1," + b"1" * 200_000, "line 2: a cell has more than 131072"),
        (b"item,score\n", "holds no scores"),
        (b"", "holds no scores"),
    ],
)
def test_what_is_no_table_is_named_with_its_line(tmp_path, content, said):
    """And is not half read."""
    file = tmp_path / "mine.csv"
    file.write_bytes(content)
    with pytest.raises(ScoresError) as caught:
        csv_file.read(file)
    assert said in str(caught.value)


def test_a_table_is_recognised_by_its_name_or_its_header(tmp_path):
    """And nothing else is."""
    file = tmp_path / "scores.txt"
    for content, expected in (
        (b'"item","score"\n1,1\n', True),
        (b"id,correct\n", True),
        (b"item;score\n", False),
        (b'{"item": 1, "score": 1}\n', False),
        (b"", False),
    ):
        file.write_bytes(content)
        assert csv_file.recognises(file) is expected, content
    assert csv_file.recognises(tmp_path / "any.CSV")


def test_a_file_that_is_not_there_is_named(tmp_path):
    """With what the system says."""
    with pytest.raises(ScoresError, match="No such file"):
        csv_file.read(tmp_path / "gone.csv")
