"""A filter of the user's own, in a process of its own."""

from __future__ import annotations

import asyncio

import pytest

from escalera.edges.filters.function import FunctionFilter, check
from escalera.errors import GuardFailed, InputError

SOURCE = """
import os
import time

print("loading, which must not disturb")


def find(text, side, role):
    print("called")
    match text:
        case "raise": raise ValueError("no such unit")
        case "die": os._exit(3)
        case "wait": time.sleep(60)
        case "odd": return [(0, 99)]
        case "words": return "yes"
        case "where": return [(0, 1)] if (side, role) == ("input", "tool") else None
    at = text.find("zebra")
    return [(at, at + 5), (at, at + 3)] if at >= 0 else None
"""


def ask(folder, *texts, side="input", role="tool", seconds=5.0, function="own.py:find"):
    async def asked():
        (folder / "own.py").write_text(SOURCE, encoding="utf-8")
        one = FunctionFilter("mine", function, folder=folder, seconds=seconds)
        found = []
        for text in texts:
            try:
                found.append(await one.spans(text, side=side, role=role))
            except GuardFailed as error:
                found.append(str(error))
        await one.close()
        return found

    return asyncio.run(asked())


def test_it_says_where_something_is(tmp_path):
    """Spans come apart and in order; it is told the side and the role."""
    assert ask(tmp_path, "a zebra", "nothing", "where") == [[(2, 7)], [], [(0, 1)]]
    assert ask(tmp_path, "where", side="output") == [[]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise", "ValueError: no such unit"),
        ("die", "ended without an answer"),
        ("odd", "span 0 to 99 of a text of 3"),
        ("words", "guard 'mine' failed"),
    ],
)
def test_a_failure_is_told_and_the_next_text_is_looked_at(tmp_path, text, said):
    """It is never taken for nothing found."""
    found = ask(tmp_path, text, "a zebra")
    assert said in found[0]
    assert found[1] == [(2, 7)]


def test_it_may_not_take_for_ever(tmp_path):
    """The process is killed."""
    (found,) = ask(tmp_path, "wait", seconds=1.0)
    assert "longer than 1 s" in found


def test_a_function_that_is_not_there(tmp_path):
    """Is a failure of the guard."""
    (found,) = ask(tmp_path, "text", function="own.py:nothing")
    assert "guard 'mine' failed" in found


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("own.py:find", None),
        ("own.py:other", None),
        ("own.py:path", None),
        ("json:loads", None),
        ("own.py:nothing", "defines no 'nothing', but find, other, path"),
        ("none.py:find", "'none.py' cannot be read"),
        ("broken.py:find", "is no Python"),
        ("no_such_package.module:find", "there is no package 'no_such_package'"),
    ],
)
def test_a_function_is_looked_for_before_anything_runs(tmp_path, function, said):
    """What a file defines, assigns or imports; of a package, whether it is there."""
    (tmp_path / "own.py").write_text(
        "from os import path\nother = len\ndef find(text):\n    pass\nraise SystemExit\n"
    )
    (tmp_path / "broken.py").write_text("def find(:")
    if said is None:
        check(function, tmp_path)
        return
    with pytest.raises(InputError, match=said):
        check(function, tmp_path)
