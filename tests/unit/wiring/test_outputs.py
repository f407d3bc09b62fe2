"""What commands write over, and what they leave alone."""

from __future__ import annotations

import pytest

from escalera.errors import InputError
from escalera.wiring import outputs

PROJECT = """
[project]
name = "p"
state = "kept"
[models.m]
base_url = "http://127.0.0.1:1/v1"
model = "m"
[climb]
model = "m"
[tasks.a]
data = "one.jsonl"
scorer = "exact"
bar = 0.7
schema = "schema.json"
[tasks.a.prompt]
files = ["mine.txt"]
"""


@pytest.fixture
def project(tmp_path):
    """A project file with what it names."""
    for name in ("one.jsonl", "schema.json", "mine.txt"):
        (tmp_path / name).write_text('{"input": "x"}')
    file = tmp_path / "escalera.toml"
    file.write_text(PROJECT)
    return file


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        (outputs.PAGE, "\n\n<!DOCTYPE html>\n<p>"),
        (outputs.JUNIT, "<?xml version='1.0'?><testsuite/>"),
        (outputs.ROWS, '{"input": "x"}\n'),
        (outputs.RECORDS, '[{"id": 1}]'),
        (outputs.SCORES, "\ufeffsystem,item,task\n"),
        (outputs.PAGE, ""),
        (outputs.FORM, ""),
    ],
)
def test_an_earlier_one_of_the_kind_is_written_over(tmp_path, kind, before) -> None:
    """So that a command can be run again; an empty file holds nothing."""
    file = tmp_path / "out"
    outputs.require(file, kind)
    file.write_text(before, encoding="utf-8")
    outputs.write(file, "new", kind)
    assert file.read_text() == "new"


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        (outputs.PAGE, '{"input": "x"}\n'),
        (outputs.JUNIT, "<!doctype html>"),
        (outputs.ROWS, "[project]\nname = 'x'\n"),
        (outputs.ROWS, '{\n  "name": "a document"\n}'),
        (outputs.RECORDS, "[project]\n"),
        (outputs.SCORES, "id,name\n"),
        (outputs.FORM, '{"item": "1", "reply": "x", "labels": [2]}\n'),
    ],
)
def test_what_begins_otherwise_is_left_alone(tmp_path, kind, before) -> None:
    """It was never an output of the command; labels that people filled in are no form any more."""
    file = tmp_path / "out"
    file.write_text(before)
    with pytest.raises(InputError, match=r"holds something, and not .* move that one away"):
        outputs.write(file, "new", kind)
    assert file.read_text() == before


@pytest.mark.parametrize(
    "name", ["escalera.toml", "one.jsonl", "schema.json", "mine.txt", "kept", "kept/journal.sqlite"]
)
def test_what_a_project_names_is_no_output(project, name) -> None:
    """Whatever it begins with; the project's folder means the file in it."""
    for named in (project, project.parent):
        with pytest.raises(InputError, match="is part of the project"):
            outputs.require(project.parent / name, outputs.ROWS, project=named)
    outputs.require(project.parent / "other.jsonl", outputs.ROWS, project=project)
    outputs.require_apart(project, None, project.parent / "other.jsonl")


def test_what_cannot_be_written_is_told(tmp_path) -> None:
    """With the reason and the remedy; what is no file is left to the writing."""
    with pytest.raises(InputError, match="cannot be written"):
        outputs.write(tmp_path / "none" / "page.html", "x", outputs.PAGE)
    with pytest.raises(InputError, match="cannot be written"):
        outputs.write(tmp_path, "x", outputs.PAGE)


def test_what_is_not_there_cannot_be_lost(project) -> None:
    """Data that a project names already may be written for the first time."""
    (project.parent / "one.jsonl").unlink()
    outputs.require(project.parent / "one.jsonl", outputs.ROWS, project=project)
