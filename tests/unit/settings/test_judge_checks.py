"""Rules for judges in a project file."""

from __future__ import annotations

import copy

import msgspec
import pytest

from escalera.edges.scoring.desk import OPTIONS
from escalera.settings import checks
from escalera.settings.tables import ProjectFile

GOOD = {
    "project": {"name": "p"},
    "models": {"base": {"path": "model"}, "large": {"path": "other"}, "other": {"path": "third"}},
    "climb": {"model": "base"},
    "judges": {"kind": {"model": "large", "rubric": "Is kind."}},
    "tasks": {"a": {"data": "a.jsonl", "scorer": "judge:kind", "bar": 0.8, "labels": "l.jsonl"}},
}


def problems(**changed):
    """The problems of a good file whose judge is changed."""
    raw = copy.deepcopy(GOOD)
    raw["judges"]["kind"] |= changed
    return checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS)


def test_a_good_judge_has_no_problem():
    """Defaults are in range, and a task may name it."""
    assert problems() == []


@pytest.mark.parametrize(
    ("key", "bad", "good"),
    [
        ("rubric", ["", " \n"], ["Is right."]),
        ("scale", [[], [1], [4, 4], [4, 0], [0, 101], [0, 1, 2]], [[0, 1], [1, 5], [0, 100]]),
        ("anchors", [["low", "high"]], [[], list("abcde")]),
        ("repeats", [0, 101], [1]),
        ("temperature", [-0.1, 2.1], [0.0, 1.0]),
        ("max_tokens", [0], [1]),
        ("min_agreement", [-0.1, 1.0], [0.0, 0.99]),
        ("max_drift", [0.0, 1.0], [0.01, 0.99]),
        ("second_order", [0.0, 1.01], [0.01, 1.0]),
        ("max_position_bias", [0.0, 0.5], [0.01, 0.49]),
        ("model", [[], ["large", "large"], "nobody", ["large", "nobody"]], [["large", "other"]]),
    ],
)
def test_values_are_in_range(key, bad, good):
    """The key is named in full."""
    for value in bad:
        found = problems(**{key: value})
        assert {entry[0] for entry in found} == {f"judges.kind.{key}"}, value
    for value in good:
        assert problems(**{key: value}) == []


@pytest.mark.parametrize(
    ("changed", "key", "words"),
    [
        ({"combine": "vote"}, "passing", "from 1 to 4"),
        ({"combine": "vote", "passing": 0}, "passing", "from 1 to 4"),
        ({"combine": "vote", "passing": 5}, "passing", "from 1 to 4"),
        ({"passing": 3}, "passing", 'combine = "vote"'),
        ({"combine": "vote", "kind": "pairwise", "passing": 1}, "passing", "Leave it out"),
        ({"combine": "vote", "kind": "pairwise", "second_order": 0.5}, "second_order", "mean"),
    ],
)
def test_a_vote_needs_a_line_and_every_order(changed, key, words):
    """On a scale the lowest right grade; in a comparison a win is a voice."""
    ((found, _, remedy),) = problems(**changed)
    assert found == f"judges.kind.{key}"
    assert words in remedy


def test_votes_with_what_they_need_are_no_problem():
    """Grades with a line, comparisons with both orders."""
    assert problems(combine="vote", passing=3) == []
    assert problems(combine="vote", kind="pairwise", second_order=1.0) == []
    assert problems(combine="vote", kind="pairwise") == []


def test_repeats_need_a_temperature():
    """At temperature 0 they would be the same call."""
    ((key, rule, _),) = problems(repeats=3)
    assert key == "judges.kind.repeats"
    assert "same call" in rule
    assert problems(repeats=3, temperature=0.7) == []


def test_no_model_grades_its_own_answers_unless_that_is_said():
    """Self-preference is allowed only explicitly."""
    ((key, rule, remedy),) = problems(model=["large", "base"])
    assert key == "judges.kind.model"
    assert "its own answers" in rule
    assert "allow_self = true" in remedy
    assert problems(model="base", allow_self=True) == []


def test_a_task_names_a_judge_that_is_there():
    """And only a judged task has labels."""
    raw = copy.deepcopy(GOOD)
    raw["tasks"]["a"]["scorer"] = "judge:nobody"
    ((key, _, remedy),) = checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS)
    assert key == "tasks.a.scorer"
    assert "judge:kind" in remedy
    raw["tasks"]["a"]["scorer"] = "exact"
    ((key, rule, _),) = checks.problems(msgspec.convert(raw, ProjectFile), OPTIONS)
    assert key == "tasks.a.labels"
    assert "no judge" in rule
