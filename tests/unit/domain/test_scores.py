"""Score rows hold a score or a reason, and tables name what is in them."""

from __future__ import annotations

import pytest

from escalera.domain.scores import ScoreRow, ScoreTable


def row(**given):
    plain = {"system": "a", "item": "1", "task": "t", "cluster": "t/1", "score": 0.5}
    return ScoreRow(**plain | given)


@pytest.mark.parametrize("score", [0, 0.0, 1, 0.25])
def test_a_score_is_in_the_unit_interval(score):
    """Both ends belong to it."""
    assert row(score=score).score == score


@pytest.mark.parametrize(
    "given",
    [
        {"score": 1.01},
        {"score": -0.01},
        {"score": float("nan")},
        {"score": None},
        {"score": None, "reason": ""},
        {"score": 0.5, "reason": "an outage"},
        {"system": ""},
        {"item": ""},
        {"task": ""},
        {"cluster": ""},
        {"repeat": -1},
    ],
)
def test_what_is_no_score_row_cannot_be_made(given):
    """A score without its range, a gap without its reason, or something without a name."""
    with pytest.raises(ValueError, match="are needed"):
        row(**given)


def test_a_table_names_its_systems_and_tasks_in_order():
    """Each once."""
    rows = (row(system="b"), row(system="a"), row(system="b", task="s"))
    table = ScoreTable(rows=rows, source="here")
    assert table.systems == ("b", "a")
    assert table.tasks == ("t", "s")
