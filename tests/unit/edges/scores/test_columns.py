"""Plain tables: which column means what, and which cells are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from escalera.edges.scores import columns
from escalera.errors import ScoresError


def read(*rows):
    placed = ((f"line {number}", row) for number, row in enumerate(rows, start=2))
    return columns.table(Path("here/mine.csv"), placed, kind="CSV")


def test_an_item_and_a_score_are_enough():
    """What is assumed for the rest is noted."""
    table = read({"id": 7, "correct": True}, {"id": "b", "correct": "no"})
    assert [(r.system, r.task, r.item, r.cluster, r.repeat, r.score) for r in table.rows] == [
        ("mine", "scores", "7", "scores/7", 0, 1.0),
        ("mine", "scores", "b", "scores/b", 0, 0.0),
    ]
    assert table.source == "CSV mine.csv"
    assert table.notes == (
        "rows without a task are taken as task 'scores'",
        "rows without a system are taken as system 'mine'",
    )


def test_columns_are_known_by_many_names():
    """Without case; spaces and hyphens are underscores; unknown ones are noted."""
    table = read(
        {
            "Model": "m",
            "Sample ID": "1",
            "dataset": "d",
            "group": "g",
            "Epoch": "2",
            "value": "0.25",
            "Input-Tokens": "10",
            "output_tokens": 3.0,
            "cost": "0.0015",
            "latency ms": 250,
            "colour": "red",
        }
    )
    row = table.rows[0]
    assert (row.system, row.item, row.task, row.cluster) == ("m", "1", "d", "g")
    assert (row.repeat, row.score, row.prompt_tokens, row.completion_tokens) == (2, 0.25, 10, 3)
    assert (row.micro_dollars, row.seconds) == (1500, 0.25)
    assert table.notes == ("the column 'colour' is not read",)


def test_every_name_of_a_column_has_one_meaning():
    """No name stands twice, and every field of a row is a column."""
    names = [name for names in columns.COLUMNS.values() for name in names]
    assert len(names) == len(set(names))
    assert set(columns.FIELDS) <= set(columns.COLUMNS)
    assert all(columns.COLUMNS[name][0] == name for name in columns.FIELDS)


def test_a_declared_range_is_mapped():
    """The file says that the scores are from 1 to 5."""
    rows = [{"item": n, "score": n, "min_score": 1, "max_score": "5"} for n in (1, 3, 5)]
    assert [row.score for row in read(*rows).rows] == [0.0, 0.5, 1.0]


def test_an_answer_that_failed_is_not_a_wrong_one():
    """An error outweighs whatever score stands beside it; no score needs no reason."""
    table = read(
        {"item": 1, "score": 0, "error": "HTTP 429"},
        {"item": 2, "score": 0, "error": "False"},
        {"item": 3, "score": None, "reason": "the judge was unsure"},
        {"item": 4, "score": ""},
        {"item": 5, "score": "nan"},
        {"item": 6, "score": 1, "reason": "as it should be"},
    )
    assert [(row.score, row.reason) for row in table.rows] == [
        (None, "HTTP 429"),
        (0.0, None),
        (None, "the judge was unsure"),
        (None, "the file gives no score"),
        (None, "the score is not a number"),
        (1.0, None),
    ]
    assert "reasons of answers that have a score are not read" in table.notes


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"score": 1}, "no column for the item. Call its column one of: item, item_id, id"),
        ({"item": 1}, "no column for the score. Call its column one of: score, value"),
        ({"item": 1, "score": 4}, "the score 4.0 is outside of 0 to 1. Give scores from 0 to 1"),
        ({"item": 1, "score": "good"}, "the score 'good' is no number"),
        ({"item": 1, "score": "1_0"}, "the score '1_0' is no number"),
        ({"item": 1, "score": [1]}, "the score is a list, not a number"),
        ({"item": 1, "score": 4, "min_score": 1}, "the minimum '1' makes no range"),
        ({"item": 1, "score": 4, "min_score": 5, "max_score": 5}, "makes no range"),
        ({"item": 1, "score": 6, "min_score": 1, "max_score": 5}, "6.0 is outside of 1 to 5"),
        ({"item": "", "score": 1}, "the item has no name"),
        ({"item": 1.5, "score": 1}, "the item '1.5' is no name"),
        ({"item": True, "score": 1}, "the item 'True' is no name"),
        ({"item": 1, "id": 1, "score": 1}, "the columns 'item' and 'id' both mean 'item'"),
        ({"item": 1, "score": 1, "repeat": -1}, "the repeat '-1' is not from 0 on, or too large"),
        ({"item": 1, "score": 1, "repeat": 1.5}, "the repeat '1.5' is no whole number"),
        ({"item": 1, "score": 1, "repeat": "two"}, "the repeat 'two' is no number"),
        ({"item": 1, "score": 1, "prompt_tokens": 2**63}, "is above"),
        ({"item": 1, "score": 1, "seconds": "inf"}, "the seconds 'inf' is not from 0 on"),
        ({"item": 1, "score": 1, "latency_ms": 10**400}, "or too large"),
        ({"item": 1, "score": 4, "min_score": 1, "max_score": "inf"}, "makes no range"),
        ({"item": 1, "score": 4, "min_score": 1, "max_score": 10**400}, "makes no range"),
        ({"item": 1, "score": 1, "cost": 1, "micro_dollars": 1}, "stands beside dollars"),
        ({"item": 1, "score": 1, "latency_ms": 1, "seconds": 1}, "stands beside milliseconds"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(row, said):
    """With file, line, value and what to do."""
    with pytest.raises(ScoresError) as caught:
        read(row)
    assert str(caught.value).startswith("here/mine.csv, line 2: ")
    assert said in str(caught.value)


def test_what_is_missing_in_a_data_frame_is_missing_here():
    """It stands there as NaN; and rows of JSON leave out what they do not know."""
    nan = float("nan")
    table = read(
        {"item": 1, "score": nan, "reason": "no judge", "input_tokens": nan, "seconds": "nan"},
        {"item": 2, "error": "HTTP 429"},
    )
    assert [(row.score, row.reason) for row in table.rows] == [
        (None, "no judge"),
        (None, "HTTP 429"),
    ]
    assert (table.rows[0].prompt_tokens, table.rows[0].seconds) == (None, None)


def test_money_is_bounded_by_what_tables_hold():
    """An absurd price is no reason to fail."""
    assert read({"item": 1, "score": 1, "cost": 1e290}).rows[0].micro_dollars == 2**63 - 1


def test_the_same_item_twice_needs_a_repeat():
    """Two rows may be repeats or a mistake; the file has to say."""
    with pytest.raises(ScoresError, match=r"line 3: the item '1' .* also on line 2\. Number"):
        read({"item": 1, "score": 1}, {"item": 1, "score": 0})
    rows = [{"item": 1, "score": 1, "repeat": n} for n in (0, 1)]
    assert [row.repeat for row in read(*rows).rows] == [0, 1]
