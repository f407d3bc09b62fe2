"""Inspect's logs: real ones, and what its format allows."""

from __future__ import annotations

import json
import math
import sys
import zipfile

import pytest
from tests.unit.edges.scores.tables import DATA

from escalera.edges.scores import archive, inspect_log
from escalera.errors import ScoresError

LOGS = DATA / "inspect"


def found(table):
    return [(row.item, row.repeat, row.task, row.score) for row in table.rows]


def test_a_real_archive_with_failed_calls():
    """Two epochs, right and wrong answers, and an item that the endpoint never answered."""
    table = inspect_log.read(LOGS / "finished.eval")
    assert table.systems == ("openai/mock-strong",)
    assert sorted(found(table)) == [
        ("sum-0", 0, "sums/match", 1.0),
        ("sum-0", 1, "sums/match", 1.0),
        ("sum-1", 0, "sums/match", 1.0),
        ("sum-1", 1, "sums/match", 1.0),
        ("sum-4", 0, "sums/match", 1.0),
        ("sum-4", 1, "sums/match", 0.0),
        ("sum-5", 0, "sums/match", None),
        ("sum-5", 1, "sums/match", None),
    ]
    failed = [row for row in table.rows if row.score is None]
    assert all(row.reason.startswith("error: RetryError(") for row in failed)
    assert all("RateLimitError" in row.reason for row in failed)
    answered = [row for row in table.rows if row.score is not None]
    assert {(row.prompt_tokens, row.completion_tokens) for row in answered} == {(10, 1)}
    assert all(0 < row.seconds < 60 for row in answered)
    assert {row.cluster for row in table.rows if row.item == "sum-0"} == {"sums/sum-0"}
    assert table.notes == ()


def test_an_archive_of_an_older_inspect_needs_no_package(tmp_path, monkeypatch):
    """They were packed with what every Python unpacks."""
    file = tmp_path / "log.eval"
    with (
        archive.opened(LOGS / "finished.eval") as packed,
        zipfile.ZipFile(file, "w", 8) as repacked,
    ):
        for name in packed.names:
            repacked.writestr(name, packed.read(name))
    expected = inspect_log.read(LOGS / "finished.eval").rows
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    assert inspect_log.read(file).rows == expected


def test_the_archive_of_a_run_that_was_killed():
    """The journal holds what was done; that something is missing is noted."""
    table = inspect_log.read(LOGS / "killed.eval")
    assert sorted(found(table)) == [
        ("sum-0", 0, "sums/match", 1.0),
        ("sum-1", 0, "sums/match", 1.0),
    ]
    assert table.notes == (
        "the run did not end well: its status is 'started'",
        "the log holds 2 of 3 planned samples",
    )


def test_a_real_json_log_with_two_scorers():
    """Each scorer is a task of its own; the task's arguments are part of the system."""
    table = inspect_log.read(LOGS / "two_scorers.json")
    assert table.systems == ("openai/mock-weak scorers=both",)
    assert table.tasks == ("sums/match", "sums/includes")
    assert len(table.rows) == 4


def log(folder, samples, **more):
    whole = {
        "version": 2,
        "status": "success",
        "eval": {"task": "t", "model": "m", "scorers": [{"name": "s"}], **more.pop("eval", {})},
        "samples": samples,
    } | more
    file = folder / "log.json"
    file.write_text(json.dumps(whole))
    return file


def sample(number, value, **more):
    return {"id": number, "epoch": 1, "scores": {"s": {"value": value}}} | more


def test_grades_are_worth_what_inspect_says(tmp_path):
    """Correct, partial, incorrect, no answer; booleans; numbers from 0 to 1."""
    values = ["C", "P", "I", "N", True, False, 0.25, "yes", "false"]
    samples = [sample(number, value) for number, value in enumerate(values)]
    scores = [row.score for row in inspect_log.read(log(tmp_path, samples)).rows]
    assert scores == [1.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.25, 1.0, 0.0]


def test_what_inspect_did_not_score_stays_unscored(tmp_path):
    """Its NaN keeps the reason; a sample with an error has no score, whatever stands there."""
    unscored = sample(1, math.nan)
    unscored["scores"]["s"]["reason"] = "the judge gave no grade"
    samples = [
        unscored,
        sample(2, 0.0, error={"message": "TimeoutError()\nTraceback"}),
        {"id": 3, "epoch": 1, "scores": None},
        sample(4, "C"),
    ]
    rows = inspect_log.read(log(tmp_path, samples)).rows
    assert [(row.score, row.reason) for row in rows] == [
        (None, "the judge gave no grade"),
        (None, "error: TimeoutError()"),
        (None, "s gave no score"),
        (1.0, None),
    ]


def test_scorers_with_several_values_make_several_tasks(tmp_path):
    """One per key; an errored sample is unscored in all of them, also in silent scorers."""
    samples = [
        sample(1, {"right": "C", "polite": 0.5}),
        {"id": 2, "epoch": 1, "error": "OSError()"},
    ]
    scorers = {"scorers": [{"name": "s"}, {"name": "silent"}]}
    rows = inspect_log.read(log(tmp_path, samples, eval=scorers)).rows
    assert [(row.item, row.task, row.score) for row in rows] == [
        ("1", "t/s/right", 1.0),
        ("1", "t/s/polite", 0.5),
        ("1", "t/silent", None),
        ("2", "t/s/right", None),
        ("2", "t/s/polite", None),
        ("2", "t/silent", None),
    ]


def test_an_unknown_scale_is_refused(tmp_path):
    """A judge's 1 to 5 has no meaning here; beside another scorer it is left out and noted."""
    samples = [sample(1, 1), sample(2, 4)]
    with pytest.raises(ScoresError, match=r"sample 2: task 't/s': the score 4\.0 is outside"):
        inspect_log.read(log(tmp_path, samples))
    for entry in samples:
        entry["scores"]["match"] = {"value": "C"}
    table = inspect_log.read(log(tmp_path, samples))
    assert table.tasks == ("t/match",)
    assert "left out 't/s'" in table.notes[0]
    with pytest.raises(ScoresError, match="the score is a list"):
        inspect_log.read(log(tmp_path, [sample(1, [1, 0])]))


def test_usage_is_of_the_model_that_answered(tmp_path):
    """Judges are billed in the same place; tokens from a cache are tokens."""
    usage = {
        "m": {"input_tokens": 5, "input_tokens_cache_read": 20, "output_tokens": 2}
        | {"total_cost": 0.0015},
        "judge": {"input_tokens": 900, "output_tokens": 90, "total_cost": 1.0},
    }
    given = sample(1, 1, model_usage=usage, working_time=0.5, total_time=9.0)
    given["metadata"] = {"cluster": "customer-1"}
    row = inspect_log.read(log(tmp_path, [given])).rows[0]
    assert (row.prompt_tokens, row.completion_tokens, row.micro_dollars) == (25, 2, 1500)
    assert (row.seconds, row.cluster) == (0.5, "customer-1")


def test_the_system_names_what_changes_the_answers(tmp_path):
    """Model, solver, and the arguments that were given."""
    spec = {
        "solver": "chain",
        "task_args_passed": {"prompt": "v2"},
        "solver_args_passed": {"depth": 3},
    }
    table = inspect_log.read(log(tmp_path, [sample(1, 1)], eval=spec, invalidated=True))
    assert table.systems == ("m solver=chain depth=3 prompt=v2",)
    assert table.notes == ("the log is marked as invalidated",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"version": 1}, "is a log of version 1, not 2. Write it anew with `inspect log convert`"),
        ({"eval": {"model": None}}, "names no task and model under `eval`"),
        ({"samples": [{"id": None, "epoch": 1}]}, "sample 1: has the id None and the epoch 1"),
        ({"samples": [{"id": 1, "epoch": 0}]}, "sample 1: has the id 1 and the epoch 0"),
        ({"samples": [sample(1, 1), sample(1, 1)]}, "sample 2: the item '1' of 't/s'"),
        ({"samples": []}, "holds no scores"),
        ({"samples": None}, "holds no scores"),
    ],
)
def test_what_is_no_log_is_named(tmp_path, given, said):
    """With the sample, the value and what to do."""
    with pytest.raises(ScoresError) as caught:
        inspect_log.read(log(tmp_path, given.pop("samples", [sample(1, 1)]), **given))
    assert said in str(caught.value)


def test_an_archive_without_a_header_is_named(tmp_path):
    """Another zip file, or a member that is no JSON."""
    file = tmp_path / "log.eval"
    for members, said in (
        ({"a.txt": "1"}, r"holds neither header\.json nor _journal/start\.json"),
        ({"header.json": "{"}, r"member header\.json: is not JSON"),
    ):
        with zipfile.ZipFile(file, "w") as made:
            for name, content in members.items():
                made.writestr(name, content)
        with pytest.raises(ScoresError, match=said):
            inspect_log.read(file)


@pytest.mark.parametrize("limit", ["time", {"type": "time", "limit": 2.0}])
def test_samples_that_ended_at_a_limit_are_told(tmp_path, limit):
    """Inspect scores what there was: after a long wait for the endpoint that is nothing."""
    table = inspect_log.read(log(tmp_path, [sample(1, "C"), sample(2, "I", limit=limit)]))
    assert [row.score for row in table.rows] == [1.0, 0.0]
    assert "1 samples were ended by their time limit, and count as Inspect scored what" in str(
        table.notes
    )
