"""`escalera audit`: exit codes and words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.apps.cli.test_keys import PROJECT

from escalera.apps.cli.main import run


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A project with three acts on record."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    for words in (["create", "shop"], ["create", "other"], ["revoke", "shop"]):
        assert run(["keys", *words, "-p", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path


def log(project: Path) -> Path:
    return project / ".escalera" / "gateway" / "audit.jsonl"


def test_a_record_that_holds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its head; and a copy of it, without the project."""
    assert run(["audit", "verify", "-p", str(project)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 entries hold; the head is ")
    copy = project / "copy"
    copy.write_bytes(log(project).read_bytes())
    assert run(["audit", "verify", "--log", str(copy), "-p", "nowhere"]) == 0
    assert capsys.readouterr().out == said


def test_the_first_entry_that_does_not_hold_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and nothing behind it is listed."""
    data = log(project).read_bytes()
    second = data.index(b"\n") + 40
    log(project).write_bytes(data[:second] + b"?" + data[second + 1 :])
    assert run(["audit", "verify", "-p", str(project)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("entry 2 ")
    assert captured.err.endswith("; 1 entries before it hold\n")
    assert captured.out == ""
    assert run(["audit", "list", "-p", str(project)]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_record_that_was_cut_off_is_noticed_by_its_head(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left of it holds by itself."""
    assert run(["audit", "verify", "-p", str(project)]) == 0
    head = capsys.readouterr().out.split()[-1]
    assert run(["audit", "verify", "--head", head, "-p", str(project)]) == 0
    lines = log(project).read_bytes().splitlines(keepends=True)
    log(project).write_bytes(b"".join(lines[:2]))
    assert run(["audit", "verify", "-p", str(project)]) == 0
    assert run(["audit", "verify", "--head", head, "-p", str(project)]) == 1
    assert f"the head {head} is not in the record" in capsys.readouterr().err


def test_acts_are_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people by the line, for scripts as JSON lines."""
    assert run(["audit", "list", "-p", str(project)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines] == ["key-created", "key-created", "key-revoked"]
    assert lines[0].endswith("name=shop")
    assert run(["audit", "list", "--json", "-p", str(project)]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["kind"] for one in documents] == ["key-created", "key-created", "key-revoked"]


def test_without_a_record_there_is_nothing_to_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is not the same as a record that holds."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    assert run(["audit", "verify", "-p", str(tmp_path)]) == 2
    assert "nothing was recorded yet" in capsys.readouterr().err
