"""A scorer of the user's own, as a command."""

from __future__ import annotations

import sys

import pytest

from escalera.edges.scoring.command import Command
from escalera.errors import BadOption

LENGTHS = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["reply"] == "crash":
        raise SystemExit("out of memory")
    score = min(1.0, len(asked["reply"]) / len(asked["target"]))
    print(json.dumps({"score": score}), flush=True)
"""


@pytest.fixture
def options(bench):
    """The command, with its script beside the project file."""
    (bench.folder / "score.py").write_text(LENGTHS, encoding="utf-8")
    return Command(command=(sys.executable, "score.py"))


def test_a_command_scores(bench, answer, options):
    """Line by line; a crash is unscored with the reason, and the next answer is scored again."""
    replies = ("ab", "crash", "abcd")
    found = bench.scores("command", options, *(answer(reply, "abcd") for reply in replies))
    assert [one.value for one in found] == [0.5, None, 1.0]
    assert found[1].reason.endswith("ended without an answer: out of memory")


def test_its_identity_follows_the_files_that_it_names(bench, options):
    """A changed script is another scorer, and so is another version."""
    before = bench.chosen("command", options).identity
    assert bench.chosen("command", options).identity == before
    script = bench.folder / "score.py"
    script.write_text(LENGTHS + "\n", encoding="utf-8")
    changed = bench.chosen("command", options).identity
    later = Command(command=options.command, version="2")
    assert len({before, changed, bench.chosen("command", later).identity}) == 3


def test_a_program_beside_the_project_file(bench, answer):
    """Run by its own first line."""
    program = bench.folder / "score"
    program.write_text(f"#!{sys.executable}\n{LENGTHS}", encoding="utf-8")
    program.chmod(0o755)
    options = Command(command=("score",))
    assert bench.score("command", options, answer("abcd", "abcd")).value == 1.0


def test_a_program_that_is_not_there_is_told_before_anything_is_spent(bench):
    """With the remedy."""
    with pytest.raises(BadOption, match=r"^command: 'no-such-program' is neither"):
        bench.chosen("command", Command(command=("no-such-program",)))


def test_options_out_of_range():
    """Told with the key."""
    with pytest.raises(BadOption, match=r"^command: is empty"):
        Command(command=())
    with pytest.raises(BadOption, match=r"^seconds: 0 is out of range"):
        Command(command=("x",), seconds=0)
