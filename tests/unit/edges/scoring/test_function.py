"""A scorer of the user's own, as a Python function."""

from __future__ import annotations

import os

import pytest

from escalera.edges.scoring.function import Function
from escalera.errors import BadOption

SOURCE = """
import os
import sys
import time

print("loading, which must not disturb")
calls = 0


def score(reply, target):
    global calls
    calls += 1
    print("called", calls)
    match reply:
        case "raise": raise ValueError("no such unit")
        case "leave": sys.exit(0)
        case "die": os._exit(3)
        case "wait": time.sleep(60)
        case "calls": return calls / 10
        case "pid": return None, str(os.getpid())
    return reply == target


def all_of_it(reply, target, *, item, finish, seconds, micro_dollars):
    assert item["target"] == target
    return None, f"{item['id']} {finish} {seconds} {micro_dollars}"


def two(reply, target, seconds):
    return 0.25, f"took {seconds}"


def too_much(reply, target):
    return 7


def text(reply, target):
    return "good"


always = lambda reply, target: 1
"""


@pytest.fixture
def project(bench):
    """A folder with a module and a package."""
    (bench.folder / "scorers.py").write_text(SOURCE, encoding="utf-8")
    package = bench.folder / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('imported too early')")
    (package / "inner.py").write_text(SOURCE, encoding="utf-8")
    return bench


@pytest.mark.parametrize("place", ["scorers.py", "./scorers.py", "scorers"])
def test_a_function_scores(project, answer, place):
    """Of a file or of a module beside the project file; what it prints disturbs nothing."""
    options = Function(function=f"{place}:score")
    found = project.scores("function", options, answer("a", "a"), answer("b", "a"))
    assert [one.value for one in found] == [1.0, 0.0]


def test_it_sees_what_it_asks_for(project, answer):
    """By the names of its parameters."""
    asked = answer("r", seconds=0.5, micro_dollars=7, finish="length")
    found = project.score("function", Function(function="scorers.py:all_of_it"), asked)
    assert (found.value, found.reason) == (None, "t/1 length 0.5 7")
    assert project.score("function", Function(function="scorers.py:two"), asked).value == 0.25
    assert project.score("function", Function(function="scorers.py:always"), asked).value == 1.0


def test_one_process_that_is_not_ours(project, answer):
    """Loaded once, and kept."""
    replies = ("x", "x", "calls", "pid")
    options = Function(function="scorers.py:score")
    found = project.scores("function", options, *map(answer, replies))
    assert found[2].value == 0.3
    assert int(found[3].reason) != os.getpid()


def test_an_exception_is_a_reason(project, answer):
    """And so is leaving: the process goes on."""
    replies = ("x", "raise", "leave", "calls")
    options = Function(function="scorers.py:score")
    found = project.scores("function", options, *map(answer, replies))
    assert [one.value for one in found] == [0.0, None, None, 0.4]
    assert found[1].reason == "the function raised ValueError: no such unit"
    assert found[2].reason == "the function raised SystemExit: 0"


def test_a_crash_or_a_hang_is_a_reason(project, answer):
    """The next answer finds a new process."""
    replies = ("die", "calls", "wait", "calls")
    options = Function(function="scorers.py:score", seconds=3)
    found = project.scores("function", options, *map(answer, replies))
    assert [one.value for one in found] == [None, 0.1, None, 0.1]
    assert "ended without an answer" in found[0].reason
    assert found[2].reason == "the function 'scorers.py:score' took longer than 3 s"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("too_much", "gave the score 7"), ("text", "gave the score 'good'")],
)
def test_what_is_no_score_is_a_reason(project, answer, name, reason):
    """No guess is made at what was meant."""
    found = project.score("function", Function(function=f"scorers.py:{name}"), answer("x"))
    assert found.value is None
    assert reason in found.reason


def test_its_identity_follows_its_file(project):
    """Nothing of it is run to know that, and no package around it is imported."""
    options = Function(function="pack.inner:score")
    before = project.chosen("function", options).identity
    (project.folder / "pack" / "inner.py").write_text(SOURCE + "\n", encoding="utf-8")
    after = project.chosen("function", options).identity
    later = project.chosen("function", Function(function="pack.inner:score", version="2"))
    assert len({before, after, later.identity}) == 3


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("none.py:score", "there is no file of that name"),
        ("none:score", "there is no file of that name"),
        ("pack.none:score", "there is no file of that name"),
        ("scorers.py:scor", "defines no 'scor'"),
        ("broken.py:score", "is no Python"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_spent(project, function, problem):
    """With what there is."""
    (project.folder / "broken.py").write_text("def (")
    with pytest.raises(BadOption, match=r"^function: ") as caught:
        project.chosen("function", Function(function=function))
    assert problem in caught.value.problem


@pytest.mark.parametrize("function", ["score", "scorers.py", ":score", "scorers.py:not a name"])
def test_what_names_no_function(function):
    """Both parts are needed."""
    with pytest.raises(BadOption, match="names no function"):
        Function(function=function)
