"""Label Studio: an export is read, and what we write reads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from escalera.core.data import label_studio, rows
from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Defaults, Row
from escalera.domain.message import Message

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "items" / "label_studio.json"
TASKS = json.loads(SAMPLE.read_text(encoding="utf-8"))
RICH = Row(
    name="r1",
    split="train",
    input="in",
    target=" two\nlines\n",
    cluster="c",
    history=(Message(role="user", content="h"),),
    fields=(("tier", '"gold"'),),
    licence="MIT",
    source="s",
    rejected="one",
)


def test_an_export_is_read():
    """The truth goes before the majority; who skipped is not asked; a tie is told."""
    found = dict(label_studio.entries(TASKS, control="topic"))
    assert found["task 1"]["target"] == "shipping"
    assert found["task 1"]["text"] == "Where is my parcel?"
    assert found["task 1"]["id"] == "41"
    assert found["task 2"]["target"] == "returns"
    assert isinstance(found["task 3"], Flaw)
    assert "as many people answered 'returns' as 'shipping'" in found["task 3"].problem


def test_several_controls_need_a_name():
    """None is chosen by chance."""
    (_, flaw), *_ = label_studio.entries(TASKS)
    assert isinstance(flaw, Flaw)
    assert "is answered in the controls 'note', 'topic'" in flaw.problem
    assert dict(label_studio.entries(TASKS[:1], control="note"))["task 1"]["target"] == (
        "Sounds worried."
    )


def _annotation(value, *, control="topic", **said):
    kind = "textarea" if control == "note" else "choices"
    text = {"text": [value]} if control == "note" else {"choices": [value]}
    return {"result": [{"type": kind, "from_name": control, "value": text}], **said}


def test_answers_in_several_controls_are_never_mixed():
    """A remark to one task must not become its answer because nothing else was filled in."""
    tasks = [
        {"data": {"input": "i"}, "annotations": [_annotation("billing")]},
        {"data": {"input": "j"}, "annotations": [_annotation("What is it?", control="note")]},
    ]
    ((place, flaw),) = label_studio.entries(tasks)
    assert place == ""
    assert "is answered in the controls 'note', 'topic'" in flaw.problem
    first, second = dict(label_studio.entries(tasks, control="topic")).values()
    assert first["target"] == "billing"
    assert isinstance(second, Flaw)


def test_of_each_person_the_last_answer_counts():
    """Label Studio keeps every annotation: one person with two of them is no majority, no tie."""
    ana = [
        _annotation("b", completed_by=1, updated_at="2026-01-02T09:00:00Z"),
        _annotation("a", completed_by=1, updated_at="2026-01-01T09:00:00Z"),
    ]
    task = {"data": {"input": "i"}, "annotations": ana}
    assert dict(label_studio.entries([task]))["task 1"]["target"] == "b"
    same = [_annotation("a", completed_by=1), _annotation("a", completed_by=1)]
    task["annotations"] = [*same, _annotation("c", completed_by={"id": 2})]
    assert "as many people answered" in dict(label_studio.entries([task]))["task 1"].problem


@pytest.mark.parametrize("control", [None, "better"])
def test_an_answer_that_is_no_text_is_told(control):
    """Somebody has answered, and labelling it again would lead nowhere."""
    result = [{"type": "pairwise", "from_name": "better", "value": {"selected": "left"}}]
    task = {"data": {"input": "i"}, "annotations": [{"result": result}]}
    ((_, flaw),) = label_studio.entries([task], control=control)
    assert "of the type 'pairwise', whose answer is no text" in flaw.problem
    assert "textarea, choices" in flaw.remedy


def test_answers_to_parts_are_told():
    """The first of them was taken for the answer to the whole, and the others went."""
    result = [{"type": "textarea", "from_name": "said", "value": {"text": [t]}} for t in "ab"]
    task = {"data": {"input": "i"}, "annotations": [{"result": result}]}
    ((_, flaw),) = label_studio.entries([task])
    assert "has 2 answers of one person in 'said'" in flaw.problem


def test_a_control_that_nobody_answered_is_told_with_those_that_were():
    """It may be a slip of the pen; "nobody has answered" would lead astray."""
    (_, flaw), *_ = label_studio.entries(TASKS, control="topics")
    assert isinstance(flaw, Flaw)
    assert "is answered in 'note', 'topic', and not in 'topics'" in flaw.problem
    skipped = {"data": {"input": "i"}, "annotations": []}
    ((_, flaw),) = label_studio.entries([skipped], control="topics")
    assert "nobody has answered" in flaw.problem


def test_what_is_written_reads_back():
    """Everything that a row says."""
    task = json.loads(json.dumps(label_studio.task(RICH, name="r1", number=1)))
    ((_, entry),) = label_studio.entries([task])
    assert rows.read(entry, Defaults()).rows == (RICH,)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("choices", {"choices": ["a", "b"]}, "a, b"),
        ("taxonomy", {"taxonomy": [["animal", "cat"]]}, "animal/cat"),
        ("rating", {"rating": 4}, "4"),
        ("number", {"number": 2.5}, "2.5"),
        ("textarea", {"text": ["a", "b"]}, "a\nb"),
        ("textarea", {"text": "a"}, "a"),
    ],
)
def test_answers_of_every_control_become_text(kind, value, expected):
    """As their documentation has them."""
    answer = {"type": kind, "from_name": "x", "to_name": "t", "value": value}
    task = {"data": {"input": "i"}, "annotations": [{"result": [answer]}]}
    assert dict(label_studio.entries([task]))["task 1"]["target"] == expected


@pytest.mark.parametrize(
    "document", [{}, [1], [{"input": "i"}], [{"data": {}, "annotations": [1]}]]
)
def test_what_is_no_export_is_told(document):
    """With what to do."""
    assert all(isinstance(entry, Flaw) for _, entry in label_studio.entries(document))
