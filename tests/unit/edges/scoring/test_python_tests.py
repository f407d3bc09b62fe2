"""Functional correctness of Python."""

from __future__ import annotations

import pytest

from escalera.edges.scoring import python_tests, sandbox
from escalera.edges.scoring.python_tests import PythonTests
from escalera.errors import BadOption

pytestmark = pytest.mark.skipif(
    not set(sandbox.NEEDS["full"]) <= sandbox.measures(), reason="the kernel lacks a measure"
)

# The first problem of HumanEval (Chen et al. 2021, MIT licence), its tests shortened.
PROMPT = '''from typing import List


def has_close_elements(numbers: List[float], threshold: float) -> bool:
    """ Check if in given list of numbers, are any two numbers closer to each other than
    given threshold.
    """
'''
BODY = """    for idx, elem in enumerate(numbers):
        for idx2, elem2 in enumerate(numbers):
            if idx != idx2:
                distance = abs(elem - elem2)
                if distance < threshold:
                    return True

    return False
"""
TESTS = """
def check(candidate):
    assert candidate([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.3) == True
    assert candidate([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.05) == False
    assert candidate([1.0, 2.0, 5.9, 4.0, 5.0], 0.95) == True
    assert candidate([1.0, 2.0, 5.9, 4.0, 5.0], 0.8) == False

check(has_close_elements)
"""


def test_a_completion_of_humaneval(bench, answer):
    """The canonical solution passes, another does not."""
    options = PythonTests(after_input=True)
    found = bench.scores(
        "python",
        options,
        answer(BODY, TESTS, PROMPT),
        answer(BODY.replace("<", ">"), TESTS, PROMPT),
        answer("    return True", TESTS, PROMPT),
    )
    assert [one.value for one in found] == [1.0, 0.0, 0.0]


def test_a_whole_program_in_a_block(bench, answer):
    """What is said around the block is no program."""
    reply = f"Sure! Here it is:\n\n```python\n{PROMPT}{BODY}```\n\nIt takes quadratic time."
    assert bench.score("python", PythonTests(), answer(reply, TESTS)).value == 1.0


def test_a_reply_that_is_no_program_is_wrong(bench, answer):
    """Neither is it unscored: the model had its chance."""
    found = bench.scores(
        "python",
        PythonTests(seconds=1),
        answer("I would use two loops.", TESTS),
        answer("", TESTS),
        answer("while True: pass", TESTS),
        answer("import sys; sys.exit(0)", TESTS),
    )
    assert [(one.value, one.reason) for one in found] == [(0.0, None)] * 4


def test_packages_only_where_they_are_allowed(bench, answer):
    """NumPy is installed here, and outside of the standard library."""
    reply = "import numpy\ntotal = int(numpy.arange(4).sum())"
    tests = "assert total == 6"
    # NumPy maps more addresses than it uses.
    large = PythonTests(packages=True, memory_mb=4096)
    assert bench.score("python", large, answer(reply, tests)).value == 1.0
    assert bench.score("python", PythonTests(memory_mb=4096), answer(reply, tests)).value == 0.0


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        ("x = 1", "x = 1"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("Look:\n```python\nx = 1\n```\nthen\n```py\ny = 2\n```", "x = 1\n\ny = 2\n"),
        ("```bash\npip install x\n```\n```python\nx = 1\n```", "x = 1\n"),
        ("```python\nx = 1", "x = 1"),
        ("  ```python\n  x = 1\n  ```", "  x = 1\n"),
        ("```js\nx\n```", "```js\nx\n```"),
        ('```python\nx = """a ``` b"""\n```', 'x = """a ``` b"""\n'),
    ],
)
def test_the_program_in_a_reply(reply, wanted):
    """Python's blocks one after the other, or all of it."""
    assert python_tests.program(reply) == wanted


def test_targets_that_are_no_tests_are_refused(bench):
    """Before anything is spent."""
    chosen = bench.chosen("python", PythonTests())
    assert chosen.refuses("assert f(1) == 2") is None
    assert "no Python program of tests" in chosen.refuses("assert f(1) ==")


def test_the_version_of_python_is_part_of_the_identity(bench, monkeypatch):
    """Another Python may run a program differently."""
    before = bench.chosen("python", PythonTests()).identity
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("4", "0", "1"))
    assert bench.chosen("python", PythonTests()).identity != before
    assert '"isolation":"full"' in before


@pytest.mark.parametrize(("key", "bad"), [("seconds", 0), ("seconds", 601), ("memory_mb", 8)])
def test_limits_out_of_range(key, bad):
    """Told with the key."""
    with pytest.raises(BadOption, match=rf"^{key}: {bad} is out of range"):
        PythonTests(**{key: bad})


def test_a_machine_that_cannot_isolate_is_told_before_anything_is_spent(bench, monkeypatch):
    """With the option that accepts less."""
    monkeypatch.setattr(sandbox, "measures", lambda: frozenset({"limits"}))
    with pytest.raises(BadOption, match=r"^isolation: 'full' needs memory, landlock, seccomp"):
        bench.chosen("python", PythonTests())
    bench.chosen("python", PythonTests(isolation="limits"))
    monkeypatch.setattr(sandbox, "measures", frozenset)
    with pytest.raises(BadOption, match="Run it on Linux or macOS"):
        bench.chosen("python", PythonTests(isolation="limits"))
