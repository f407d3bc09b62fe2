"""`escalera data` as a command: arguments, output and exit codes."""

from __future__ import annotations

import json

import pytest
from tests.unit.apps.data.files import read, row, written

from escalera.apps.cli.main import run

PROJECT = """
[project]
name = "shop"
[models.base]
base_url = "http://127.0.0.1:9/v1"
model = "m"
[climb]
model = "base"
[tasks.one]
scorer = "exact"
bar = 0.5
[[tasks.one.data]]
file = "a.csv"
split = "train"
licence = "CC0-1.0"
columns = { input = "question", target = "label" }
[[tasks.one.data]]
file = "b.jsonl"
[tasks.two]
data = "c.jsonl"
scorer = "exact"
bar = 0.5
"""


@pytest.fixture
def project(tmp_path):
    """A project of two tasks, one of them of two files."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    (tmp_path / "a.csv").write_text("question,label\nwhere is it,shipping\n")
    written(tmp_path, [row(1, "search"), row(2, "confirm")], "b.jsonl")
    written(tmp_path, [row(1, "search"), row(2, "confirm", input="other")], "c.jsonl")
    return tmp_path


def test_a_project_is_checked_and_counted_by_its_tasks(project, capsys):
    """By its folder or its file; what the project says of a file holds."""
    assert run(["data", "check", str(project)]) == 0
    assert "5 items (5 items): nothing is wrong" in capsys.readouterr().out
    assert run(["data", "stats", str(project / "escalera.toml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["types"]["one"]["splits"] == {"train": 1, "search": 1, "confirm": 1}
    assert found["types"]["one"]["licences"] == {"unknown": 2, "CC0-1.0": 1}
    assert found["types"]["two"]["rows"] == 2


@pytest.mark.parametrize("option", [("--column", "input=q"), ("--licence", "MIT")])
def test_what_a_project_file_says_is_no_option(project, capsys, option):
    """It would be passed over, and nobody told."""
    for command in ("check", "stats"):
        assert run(["data", command, str(project), *option]) == 2
        assert "say nothing of a project" in " ".join(capsys.readouterr().err.split())


def test_what_is_wrong_ends_with_two(tmp_path, capsys):
    """Every complaint on a line of its own, and a bound that can be set."""
    source = written(tmp_path, [row(n, target=1) for n in range(4)])
    assert run(["data", "check", str(source.file), "--limit", "2"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{source.file}, line 1: ")
    assert lines[2] == "and 2 more"
    assert run(["data", "check", str(source.file), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["complaints"] == 4


def test_a_file_is_cleaned(tmp_path, capsys):
    """With what went beside it."""
    source = written(tmp_path, [row(1), row(2, input="IN 1")])
    assert run(["data", "clean", str(source.file), str(tmp_path / "out.jsonl")]) == 0
    assert "1 of 2 rows written; left out: 1 duplicate (exact)" in capsys.readouterr().out
    assert [e["id"] for e in read(tmp_path / "out.jsonl.removed.jsonl")] == ["2"]


def test_a_table_is_imported_and_exported(tmp_path, capsys):
    """Columns and shares as options."""
    (tmp_path / "t.csv").write_text("q,a\nhello,hi\n")
    items, chat = tmp_path / "items.jsonl", tmp_path / "chat.jsonl"
    options = ["--column", "input=q", "--column", "target=a", "--split", "train=0.5,confirm=0.5"]
    assert run(["data", "import", str(tmp_path / "t.csv"), str(items), *options]) == 0
    assert read(items)[0]["split"] in ("train", "confirm")
    assert run(["data", "export", str(items), str(chat), "--to", "chat"]) == 0
    assert read(chat)[0]["messages"][1] == {"role": "assistant", "content": "hi"}
    assert capsys.readouterr().out.count("1 items written") == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--column", "question=q"], "'question=q' is no MEANING=NAME; known are input"),
        (["--column", "input"], "'input' is no MEANING=NAME"),
        (["--column", "input=a", "--column", "input=b"], "twice, input=a and input=b"),
        (["--column", "cluster=gone"], "no row says anything in the column 'gone', named as its"),
        (["--control", "topic"], "--control says nothing of --from rows"),
        (["--from", "label-studio", "--suggested"], "says nothing of --from label-studio"),
        (["--split", "exam"], "'exam' is no share of train, search"),
        (["--split", "train=x"], "'train=x' is no share"),
        (["--split", "train=0.5"], "shares must be above 0 and add up to 1"),
    ],
)
def test_wrong_options_are_told(tmp_path, capsys, options, said):
    """With their value, and what is known."""
    source = written(tmp_path, [row(1)])
    assert run(["data", "import", str(source.file), str(tmp_path / "o.jsonl"), *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
