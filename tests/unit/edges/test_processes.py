"""A long-lived process of JSON lines, and all the ways in which it fails."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from escalera.edges.processes import STARTS, Lines
from escalera.errors import ScorerFailed

ECHO = """
import json, os, sys, time
for line in sys.stdin:
    said = json.loads(line)
    match said:
        case "die": sys.exit("out of luck")
        case "wait": time.sleep(60)
        case "babble": print("hello")
        case "flood": print("x" * 5_000_000)
        case "complain": sys.stderr.write("warning\\n" * 100_000); print("1")
        case "pid": print(os.getpid())
        case "environment": print(json.dumps(sorted(os.environ)))
        case "folder": print(json.dumps(os.getcwd()))
        case _: print(json.dumps(said))
    sys.stdout.flush()
"""


def ask(folder, *questions, program=ECHO, together=False, **others):
    """The answers, with the words of a failure where there is none."""

    async def one(lines, question):
        try:
            return await lines.ask(question)
        except ScorerFailed as error:
            return str(error)

    async def run():
        command = [sys.executable, "-c", program]
        given = {"name": "the echo", "seconds": 20, "folder": folder} | others
        lines = Lines(command, **given)
        try:
            if together:
                return await asyncio.gather(*(one(lines, question) for question in questions))
            return [await one(lines, question) for question in questions]
        finally:
            await lines.close()

    return asyncio.run(run())


def running(pid):
    """Whether a process does anything; one that has ended may not be collected yet."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:1] not in ("", "Z")


def test_a_line_for_a_line(tmp_path):
    """Whatever JSON holds, and in turn where questions come at once."""
    questions = [1, "é\n", {"a": [None]}, "x" * 100_000]
    assert ask(tmp_path, *questions) == questions
    assert ask(tmp_path, *range(50), together=True) == [*range(50)]


def test_one_process_for_all(tmp_path):
    """In the folder that was said."""
    first, second, folder = ask(tmp_path, "pid", "pid", "folder")
    assert first == second != os.getpid()
    assert folder == os.path.realpath(tmp_path)


def test_its_environment(tmp_path, monkeypatch):
    """The caller's, or what is said."""
    monkeypatch.setenv("MY_KEY", "secret")
    assert "MY_KEY" in ask(tmp_path, "environment")[0]
    assert "MY_KEY" not in ask(tmp_path, "environment", environment={"A": "1"})[0]


def test_a_crash_fails_one_question(tmp_path):
    """The reason holds its last words; the next question finds a new process."""
    first, failed, second = ask(tmp_path, "pid", "die", "pid")
    assert failed == "the echo ended without an answer: out of luck"
    assert first != second


def test_a_late_answer_fails_one_question(tmp_path):
    """It is never taken for the answer to the next."""
    failed, after = ask(tmp_path, "wait", "after", seconds=2)
    assert failed == "the echo took longer than 2 s"
    assert after == "after"


def test_no_json_fails_one_question(tmp_path):
    """A print that was forgotten is told as what it is."""
    failed, after = ask(tmp_path, "babble", "after")
    assert failed == r"the echo answered b'hello\n', which is no JSON"
    assert after == "after"


def test_an_answer_without_an_end_fails_one_question(tmp_path):
    """It is not held in memory."""
    failed, after = ask(tmp_path, "flood", "after")
    assert "cannot be asked" in failed
    assert after == "after"


def test_complaints_hold_up_nothing(tmp_path):
    """Standard error is read all the time."""
    assert ask(tmp_path, "complain", "after") == [1, "after"]


def test_a_program_that_always_fails_is_not_started_for_ever(tmp_path):
    """After a few starts without an answer the reason is repeated at once."""
    program = "open('started', 'a').write('x'); raise SystemExit('no such module')"
    found = ask(tmp_path, *range(10), program=program)
    assert found[0] == "the echo ended without an answer: no such module"
    assert found[-1].startswith(found[0])
    assert "not asked again" in found[-1]
    assert len((tmp_path / "started").read_text()) == STARTS


def test_a_program_that_is_not_there(tmp_path):
    """An error of the system is a reason as well."""

    async def run():
        lines = Lines(["/no/such/program"], name="it", seconds=5, folder=tmp_path)
        with pytest.raises(ScorerFailed, match=r"it cannot be asked: .*No such file"):
            await lines.ask(1)
        await lines.close()

    asyncio.run(run())


def test_closing_ends_it_and_its_children(tmp_path):
    """The whole group."""
    program = """
import json, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
for line in sys.stdin:
    print(child.pid, flush=True)
"""
    (child,) = ask(tmp_path, 1, program=program)
    for _ in range(500):  # a signal takes its time to arrive
        if not running(child):
            return
        time.sleep(0.01)
    pytest.fail("the child still runs")


def test_interrupted_in_the_middle_of_a_question(tmp_path):
    """The answer that comes too late is not that to the next question."""

    async def run():
        lines = Lines([sys.executable, "-c", ECHO], name="it", seconds=20, folder=tmp_path)
        waiting = asyncio.ensure_future(lines.ask("wait"))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        found = await lines.ask("next")
        await lines.close()
        return found

    assert asyncio.run(run()) == "next"
