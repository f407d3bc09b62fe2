"""Sittings from the command line, as far as no page is opened."""

from __future__ import annotations

import json
import socket

import pytest
from tests.unit.apps.label import project

from escalera.apps.cli.main import run
from escalera.apps.label import matter, serving
from escalera.apps.label.matter import Wanted
from escalera.apps.label.serving import Address
from escalera.core.evaluation.labelling import Given
from escalera.edges.lines import AppendedLines
from escalera.errors import InputError, LinesError
from escalera.wiring import data_sets

GRADES = Wanted(answers=("small",), sample=5)
HERE = Address(host="127.0.0.1", port=0)


def start(file, address=HERE, *, by=None):
    told = []
    serving.serve(file, GRADES, address, shared=0, by=by, ready=lambda *what: told.append(what))
    return told


def test_a_summary_leaves_everything_as_it_is(tmp_path, capsys):
    """It may be asked for while the page is open, and makes no file."""
    file = project.write(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert "0 of 5" in str(serving.summary(file, GRADES, shared=0))
    assert sorted(tmp_path.iterdir()) == before
    lines = AppendedLines(tmp_path / "replies.labels.jsonl")
    lines.append({"item": "confirm-1", "reply": "x", "label": 1, "by": "Ana"})
    arguments = ["label", "-p", str(tmp_path), "-s", "small", "-n", "5", "--summary"]
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["units"] == 5
    assert run(arguments) == 0
    assert "0 of 5 are labelled" in capsys.readouterr().out
    lines.close()


def test_a_summary_passes_over_what_a_kill_left_of_a_line(tmp_path):
    """It was never told to be saved; the next page cuts it off."""
    file = project.write(tmp_path)
    labels = tmp_path / "replies.labels.jsonl"
    labels.write_text('{"item": "confirm-1", "reply": "x", "label": 1, "by": "Ana"}\n{"item": "con')
    assert "0 of 5" in str(serving.summary(file, GRADES, shared=0))
    assert labels.read_text().endswith('{"item": "con')


def test_rows_are_written_over_nothing_else(tmp_path):
    """Neither the inputs, the targets that people wrote, nor the data of the project."""
    file = project.write(tmp_path)
    inputs, targets = tmp_path / "new.jsonl", tmp_path / "new.targets.jsonl"
    inputs.write_text('{"id": "0", "input": "in 0"}\n')
    targets.write_text('{"id": "0", "input": "in 0", "target": "1", "by": "Ana"}\n')
    data = next(one.file for one in data_sets.of_project(file)["routing"])
    wanted = Wanted(task="routing", targets=inputs)
    for into in (inputs, targets, data, file):
        before = into.read_bytes()
        with pytest.raises(InputError, match=r"is what is read|is part of the project"):
            serving.write_rows(file, wanted, into)
        assert into.read_bytes() == before


def test_rows_are_the_inputs_with_a_target(tmp_path, capsys):
    """The latest of several people's; what was taken back is none."""
    file = project.write(tmp_path)
    inputs = tmp_path / "new.jsonl"
    inputs.write_text("".join(f'{{"id": "{n}", "input": "in {n}"}}\n' for n in range(3)))
    arguments = ["label", "-p", str(file), "-t", "routing", "--targets", str(inputs)]
    rows = ["--rows", str(tmp_path / "rows.jsonl")]
    assert run([*arguments, *rows]) == 2
    assert "no input has a target" in capsys.readouterr().err
    given = [("0", "1", "Ana"), ("0", "2", "Bo"), ("1", "3", "Ana"), ("1", None, "Ana")]
    (tmp_path / "new.targets.jsonl").write_text(
        "".join(
            json.dumps({"id": id_, "input": f"in {id_}", "target": target, "by": by}) + "\n"
            for id_, target, by in given
        )
    )
    assert run([*arguments, *rows]) == 0
    assert "1 rows in" in capsys.readouterr().out
    assert (tmp_path / "rows.jsonl").read_text() == (
        '{"id": "0", "input": "in 0", "split": "train", "target": "2"}\n'
    )


def test_a_port_that_is_taken_is_told(tmp_path):
    """With the remedy; the file of labels is free again."""
    file = project.write(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(InputError, match="port 0 is any that is free"):
            start(file, address)
    AppendedLines(tmp_path / "replies.labels.jsonl").close()


def test_a_file_that_another_page_holds_is_refused(tmp_path):
    """People share one page, or one follows the other."""
    file = project.write(tmp_path)
    held = AppendedLines(tmp_path / "replies.labels.jsonl")
    with pytest.raises(LinesError, match="another process adds lines to it"):
        start(file)
    held.close()


def test_a_name_is_checked_before_anything_is_made(tmp_path):
    """`--as` is a name as on the page."""
    file = project.write(tmp_path)
    with pytest.raises(InputError, match="is no name"):
        start(file, by="a/b")
    assert not (tmp_path / "replies.labels.jsonl").exists()


def test_a_named_file_is_made_before_the_project_is_read(tmp_path, monkeypatch):
    """The project names labels that nobody gave yet; half a line of a power cut is no error."""
    project.write(tmp_path)
    file = project.write(tmp_path, labels='labels = "people.jsonl"')
    served = []
    monkeypatch.setattr(serving.uvicorn.Server, "run", lambda *_, **more: served.append(more))
    assert [found.place.file.name for found, _ in start(file)] == ["people.jsonl"]
    labels = tmp_path / "people.jsonl"
    assert labels.read_bytes() == b""
    labels.write_bytes(b'{"item": "confirm-1", "reply"')
    assert len(start(file)) == 1
    assert labels.read_bytes() == b""
    assert len(served) == 2


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        (HERE, "http://127.0.0.1:"),
        (Address(host="localhost", port=0), "http://localhost:"),
        (Address(host="127.0.0.1", port=0, exposed="desk.example"), "http://desk.example:"),
    ],
)
def test_the_address_that_is_told_holds_a_new_token(tmp_path, monkeypatch, address, begins):
    """Long enough not to be guessed, and another one at each start."""
    file = project.write(tmp_path)
    monkeypatch.setattr(serving.uvicorn.Server, "run", lambda *_, **__: None)
    urls = [start(file, address)[0][1] for _ in range(2)]
    assert all(url.startswith(begins) for url in urls)
    tokens = {url.split("/")[3] for url in urls}
    assert len(tokens) == 2
    assert {len(token) for token in tokens} == {32}


def test_pairs_become_rows_that_teach(tmp_path, capsys):
    """What most prefer with what they rejected, of `train` items only."""
    file = project.write(tmp_path, train=6)
    pairs = ["label", "-p", str(file), "--pairs", "small", "large", "-t", "replies"]
    rows = ["--rows", str(tmp_path / "rows.jsonl")]
    assert run([*pairs, *rows]) == 2
    assert "pairs are of 'confirm' items" in capsys.readouterr().err
    taught = [*pairs, "--split", "train"]
    assert run([*taught, *rows]) == 2
    assert "no pair was decided" in capsys.readouterr().err
    wanted = Wanted(task="replies", pairs=("small", "large"), split="train")
    found = matter.load(file, matter.place_of(file, wanted), wanted, ())
    unit = found.units[0]
    given = Given(unit=unit.key, by="Ana", value=0.0, first=0)
    line = found.form.line(unit, given, at=1.0)
    found.place.file.write_text(json.dumps(line) + "\n")
    assert run([*taught, *rows]) == 0
    assert "1 rows in" in capsys.readouterr().out
    (row,) = data_sets.entries(data_sets.source(tmp_path / "rows.jsonl"))
    assert (row[1]["target"], row[1]["rejected"], row[1]["split"]) == (*unit.texts[::-1], "train")
