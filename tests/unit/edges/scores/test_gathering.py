"""Rows are gathered once each, on a known scale, and nothing is dropped silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from escalera.edges.scores.gathering import Answer, Gathering
from escalera.edges.scores.scale import OffScale, Unscored
from escalera.errors import ScoresError

ANSWER = Answer(system="m", item="1")


def test_rows_keep_their_order_and_get_a_cluster():
    """An item without a cluster is its own, named with its task as everywhere."""
    gathering = Gathering(Path("log"))
    gathering.add(ANSWER, task="t", mark=0.5, place="line 1")
    gathering.add(Answer(system="m", item="2", cluster="c"), task="t", mark=1.0, place="line 2")
    gathering.note("once")
    gathering.note("once")
    table = gathering.table("a log")
    assert [(row.item, row.cluster, row.score) for row in table.rows] == [
        ("1", "t/1", 0.5),
        ("2", "c", 1.0),
    ]
    assert (table.source, table.notes) == ("a log", ("once",))


def test_the_same_row_twice_is_refused_with_both_places():
    """Which of the two would count?"""
    gathering = Gathering(Path("log"))
    gathering.add(ANSWER, task="t", mark=0.5, place="line 1")
    gathering.add(ANSWER, task="s", mark=0.5, place="line 2")
    with pytest.raises(ScoresError, match=r"log, line 3: the item '1' of 't' .* also on line 1"):
        gathering.add(ANSWER, task="t", mark=0.5, place="line 3")


def test_a_task_off_the_scale_is_left_out_whole_and_noted():
    """Its marks that happen to lie in [0, 1] are not scores either."""
    gathering = Gathering(Path("log"))
    gathering.add(ANSWER, task="likert", mark=1.0, place="line 1")
    gathering.add(ANSWER, task="match", mark=1.0, place="line 1")
    two = Answer(system="m", item="2")
    gathering.add(two, task="likert", mark=OffScale("the score 4.0 is outside"), place="line 2")
    table = gathering.table("a log")
    assert table.tasks == ("match",)
    assert table.notes == (
        "left out 'likert', which is on no known scale: the score 4.0 is outside (line 2)",
    )


def test_nothing_on_a_known_scale_is_an_error():
    """So is nothing at all."""
    gathering = Gathering(Path("log"))
    with pytest.raises(ScoresError, match="log: holds no scores"):
        gathering.table("a log")
    gathering.add(ANSWER, task="likert", mark=OffScale("the score 4.0 is outside"), place="line 7")
    with pytest.raises(ScoresError, match=r"line 7: task 'likert': the score 4.0 .*min_score"):
        gathering.table("a log")


def test_names_are_text_that_a_file_can_hold():
    """JSON can write half a character; reasons are repaired, names are not."""
    gathering = Gathering(Path("log"))
    for given in ({"item": "\ud800"}, {"system": "\udfff"}, {"cluster": "\ud800"}):
        with pytest.raises(ScoresError, match="is not text"):
            gathering.add(
                Answer(**{"system": "m", "item": "1"} | given), task="t", mark=1.0, place=""
            )
    gathering.add(ANSWER, task="t", mark=Unscored("\ud800"), place="")
    assert gathering.table("a log").rows[0].reason == "?"


def test_rows_are_bounded():
    """A file without end is refused."""
    gathering = Gathering(Path("log"), most=1)
    gathering.add(ANSWER, task="t", mark=1.0, place="line 1")
    with pytest.raises(ScoresError, match="holds more than 1 rows"):
        gathering.add(ANSWER, task="s", mark=1.0, place="line 2")
