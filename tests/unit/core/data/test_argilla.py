"""Argilla: records are read, and what we write reads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.core.data.test_label_studio import RICH

from escalera.core.data import argilla, rows
from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Defaults

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "items" / "argilla.json"
RECORDS = json.loads(SAMPLE.read_text(encoding="utf-8"))


def test_records_are_read():
    """What people answered; what nobody confirmed is left out unless it is asked for."""
    found = dict(argilla.entries(RECORDS))
    assert found["record 1"] == {
        "id": "rec-1",
        "split": "train",
        "licence": "CC0-1.0",
        "text": "Where is my parcel?",
        "target": "shipping",
    }
    assert isinstance(found["record 2"], Flaw)
    assert found["record 3"]["target"] == "returns, shipping"
    suggested = dict(argilla.entries(RECORDS, suggested=True))
    assert suggested["record 2"]["target"] == "returns"
    assert suggested["record 1"]["target"] == "shipping"


def test_responses_that_were_discarded_or_are_drafts_do_not_count():
    """Where they say so; Argilla's own file does not, and then they count."""
    said = [("no", "discarded"), ("no", "draft"), ("yes", "submitted"), ("yes", None)]
    given = [
        {"value": value, "user_id": str(n), "status": one} for n, (value, one) in enumerate(said)
    ]
    record = {"id": "1", "fields": {"input": "i"}, "responses": {"q": given}}
    ((_, row),) = argilla.entries([record])
    assert row["target"] == "yes"
    ((_, flaw),) = argilla.entries([record | {"responses": {"q": given[:2]}}])
    assert isinstance(flaw, Flaw)


def test_several_questions_need_a_name():
    """None is chosen by chance."""
    answers = {name: [{"value": name, "user_id": "u"}] for name in ("a", "b")}
    record = {"id": "1", "fields": {"input": "i"}, "responses": answers}
    ((_, flaw),) = argilla.entries([record])
    assert isinstance(flaw, Flaw)
    assert "answers the questions 'a', 'b'" in flaw.problem
    ((_, entry),) = argilla.entries([record], question="b")
    assert entry["target"] == "b"


def test_answers_to_several_questions_are_never_mixed():
    """A remark to one record must not become its answer because nothing else was filled in."""
    records = [
        {"fields": {"input": "i"}, "responses": {"topic": [{"value": "billing"}]}},
        {"fields": {"input": "j"}, "responses": {"note": [{"value": "What is it?"}]}},
    ]
    ((place, flaw),) = argilla.entries(records)
    assert place == ""
    assert "answers the questions 'note', 'topic'" in flaw.problem
    first, second = dict(argilla.entries(records, question="topic")).values()
    assert first["target"] == "billing"
    assert isinstance(second, Flaw)


def test_a_question_that_nobody_answered_is_told_with_those_that_were():
    """It may be a slip of the pen."""
    record = {"fields": {"input": "i"}, "responses": {"topic": [{"value": "a"}]}}
    ((_, flaw),) = argilla.entries([record], question="topics")
    assert isinstance(flaw, Flaw)
    assert "answers 'topic', and not 'topics'" in flaw.problem


def test_what_is_written_reads_back():
    """Everything that a row says; the answer is a suggestion until somebody confirms it."""
    record = json.loads(json.dumps(argilla.record(RICH, name="r1")))
    ((_, entry),) = argilla.entries([record], suggested=True)
    assert rows.read(entry, Defaults()).rows == (RICH,)
    assert isinstance(next(argilla.entries([record]))[1], Flaw)


@pytest.mark.parametrize("document", [{}, [1], [{"fields": {}}], [{"input": "i"}]])
def test_what_is_no_export_is_told(document):
    """With what to do."""
    assert all(isinstance(entry, Flaw) for _, entry in argilla.entries(document))
