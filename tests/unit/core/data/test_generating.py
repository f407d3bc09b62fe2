"""Asking for more examples, and reading what came."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from escalera.core.data import generating
from escalera.core.data.generating import Draft
from escalera.domain.dataset import Examples
from escalera.domain.message import Message
from escalera.domain.task import PromptParts
from escalera.testing import playbook

TASK = playbook.task("a", items={"train": 40, "search": 5, "confirm": 5})


def test_only_train_items_are_shown():
    """And of those the ones that are a text with its answer; each call shows others."""
    turn = (Message(role="user", content="before"),)
    first, *others = TASK.items("train")
    task = replace(TASK, examples=Examples([replace(first, history=turn), *others]))
    items = generating.showable(task)
    assert {item.split for item in generating.showable(TASK)} == {"train"}
    assert len(items) == 39
    calls = [generating.shown(items, call=n, count=6, seed=1) for n in range(30)]
    assert calls[3] == generating.shown(items, call=3, count=6, seed=1)
    assert len(set(calls)) == 30
    assert len({item.id for call in calls for item in call}) > 30


def test_rows_are_asked_for_as_they_are_to_come_back():
    """The examples stand in the question as JSON lines."""
    shots = TASK.items("train")[:2]
    query = generating.asked(shots, "rows", rows=5)
    _, *lines = query.input.split("\n\n")[0].splitlines()
    assert [json.loads(line) for line in lines] == [
        {"input": shot.input, "target": shot.target} for shot in shots
    ]
    assert "Write 5 more" in query.input


def test_inputs_are_asked_for_as_a_talk_that_goes_on():
    """A small model goes on with what it did before."""
    shots = TASK.items("train")[:2]
    query = generating.asked(shots, "inputs", rows=5)
    said = [turn.content for turn in query.history if turn.role == "assistant"]
    assert said == [shot.input for shot in shots]
    assert query.input == query.history[0].content == generating.NEXT


def test_the_writer_is_told_what_the_task_says():
    """Whatever is said of it."""
    parts = PromptParts(role="You serve.", instruction="Sort it.", rules="Be short.")
    for style in ("rows", "inputs"):
        said = generating.told(parts, "mail", style)
        assert "The task is called mail.\nYou serve.\nSort it.\nBe short." in said


@pytest.mark.parametrize(
    ("reply", "drafts", "unreadable"),
    [
        ('{"input": "a", "target": "b"}\n{"input": "c", "target": "d"}', ["ab", "cd"], 0),
        ('Sure!\n```json\n[{"input": "a", "target": "b"}]\n```', ["ab"], 0),
        ('{"input": "a", "target": "b"}\n{"input": "c", "tar', ["ab"], 0),
        ('{"input": "a"} {"input": " ", "target": "b"}', [], 2),
        ("I cannot do that.", [], 1),
        ("", [], 1),
        ('{"input": "a", "target": {"y": 1, "x": [2]}}', ['a{"x":[2],"y":1}'], 0),
        ('{"input": "a\\ud800", "target": "b"}', [], 1),
        ("{" * 100_000, [], 1),
    ],
)
def test_every_object_with_both_texts_is_a_draft(reply, drafts, unreadable):
    """Whatever stands around it; what is cut off or none is counted."""
    found = generating.read(reply, "rows")
    assert [draft.input + draft.target for draft in found.drafts] == drafts
    assert found.unreadable == unreadable


def test_an_input_is_the_whole_reply():
    """Without what is around it."""
    assert generating.read(" when?\n", "inputs").drafts == (Draft(input="when?"),)
    assert generating.read("  ", "inputs").unreadable == 1


def test_there_is_room_for_what_is_asked():
    """A token for two bytes at the worst that is usual, and the longest answers."""
    items = TASK.items("train")
    one = max(len(item.input) for item in items) // 2 + 16
    assert generating.longest(items, "inputs", rows=5, answer=8) == one
    assert generating.longest(items, "rows", rows=5, answer=8) == 5 * (one + 24)
