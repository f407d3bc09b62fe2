"""Record logs of OpenAI evals: real ones, and what their format allows."""

from __future__ import annotations

import json

import pytest
from tests.unit.edges.scores.tables import DATA

from escalera.edges.scores import openai_evals
from escalera.errors import ScoresError

SPEC = {"spec": {"completion_fns": ["m"], "eval_name": "e.v1"}}
REPORT = {"final_report": {"accuracy": 1.0}}


def test_a_real_log():
    """The report agrees with the rows."""
    table = openai_evals.read(DATA / "openai_evals" / "mock_weak.jsonl")
    assert table.systems == ("mock-weak",)
    assert table.tasks == ("sums.test.v1/match",)
    assert sorted(row.item for row in table.rows) == [f"sums.test.{n}" for n in range(6)]
    assert sum(row.score for row in table.rows) / 6 == pytest.approx(0.3333333333333333)
    assert {(row.prompt_tokens, row.completion_tokens) for row in table.rows} == {(10, 1)}
    assert table.notes == ()


def event(sample, kind, **data):
    return {"run_id": "r", "sample_id": sample, "type": kind, "data": data}


def log(folder, *events):
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps(entry) + "\n" for entry in events))
    return file


def test_metrics_and_repeats(tmp_path):
    """Each number is a task; several events of one measure are repeats; words are noted."""
    events = [
        event("1", "metrics", choice="Y", score=1.0, fluent=False),
        event("1", "metrics", choice="N", score=0.0, fluent=True),
        event("1", "raw_sample", question="?"),
    ]
    table = openai_evals.read(log(tmp_path, SPEC, *events, REPORT))
    assert [(row.task, row.repeat, row.score) for row in table.rows] == [
        ("e.v1/score", 0, 1.0),
        ("e.v1/score", 1, 0.0),
        ("e.v1/fluent", 0, 0.0),
        ("e.v1/fluent", 1, 1.0),
    ]
    assert table.notes == ("left out 'choice' of `metrics`: it is no number",)


def test_what_failed_is_not_wrong(tmp_path):
    """An error, or no score at all; and a run that did not end is noted."""
    events = [
        event("1", "match", correct=True),
        event("2", "match", correct=False),
        event("2", "error", type="RateLimitError", message="429"),
        event("3", "sampling", usage={"prompt_tokens": 5}),
    ]
    table = openai_evals.read(log(tmp_path, SPEC, *events))
    assert [(row.item, row.score, row.reason) for row in table.rows] == [
        ("1", 1.0, None),
        ("2", None, "error: RateLimitError: 429"),
        ("3", None, "the log holds no match of this sample"),
    ]
    assert table.notes == ("there is no final report: the run did not end",)


def test_usage_is_known_where_there_was_one_call(tmp_path):
    """A judge's call stands in the log as any other."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    calls = [event(sample, "sampling", usage=usage) for sample in ("1", "2", "2")]
    marks = [event(sample, "match", correct=True) for sample in ("1", "2")]
    rows = openai_evals.read(log(tmp_path, SPEC, *calls, *marks, REPORT)).rows
    assert [(row.prompt_tokens, row.completion_tokens) for row in rows] == [(5, 2), (None, None)]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([event("1", "match", correct=True)], "no line holds a spec with `completion_fns`"),
        ([SPEC, SPEC], "line 2: a second run begins here"),
        ([SPEC, {"type": "match", "data": {}}], "line 2: the event 'match' has no sample_id"),
        (
            [SPEC, event("1", "metrics", score=4)],
            "line 2: task 'e.v1/score': the score 4.0 is outside of 0 to 1",
        ),
        ([SPEC], "holds no scores"),
    ],
)
def test_what_is_no_log_is_named(tmp_path, events, said):
    """With the line, the value and what to do."""
    with pytest.raises(ScoresError) as caught:
        openai_evals.read(log(tmp_path, *events))
    assert said in str(caught.value)
