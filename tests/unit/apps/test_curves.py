"""Curves of a project's trainings: from the journal, from what is underway, page and command."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

import msgspec
import pytest

from escalera import wiring
from escalera.apps import curves, workspace
from escalera.apps.cli.main import run
from escalera.apps.report import page
from escalera.domain.event import Stopped
from escalera.domain.training import Trained
from escalera.testing import records
from escalera.testing.playbook import luck, simulate

SIGNALS = records.record(lambda step, _: 1 / step, examples=10, epochs=12).signals


def lines(many: int) -> bytes:
    """A log of so many steps."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in SIGNALS[:many])


@pytest.fixture
def climbing(write):
    """A project in the middle of a climb: one training paused, with its log; another just begun."""
    folder = write(local=True)
    installation = wiring.install(folder / "escalera.toml")

    def answers(system, item):
        rates = {"a": 0.97, "b": 0.3 if system.adapter is None else 0.97}
        return float(luck(item) < rates[item.task])

    artifacts = installation.artifacts()
    kept = artifacts.scratch()
    (kept / "steps.jsonl").write_bytes(lines(12))
    log = artifacts.put(kept)
    events = []
    for event in simulate(installation.project, answers).events:
        if isinstance(event, Stopped):
            break
        events.append(replace(event, log=log) if isinstance(event, Trained) else event)
    with closing(installation.journal()) as journal:
        journal.append(events)
    begun = installation.checkpoints / ("cd" * 32)
    begun.mkdir(parents=True)
    (begun / "log.jsonl").write_bytes(lines(5))
    return folder


def test_steps_and_checkpoints_of_every_training_are_gathered(climbing) -> None:
    """Of the one that has only begun, what its log holds."""
    opened = workspace.load(climbing)
    first, begun = curves.gather(opened.installation, opened.evidence())
    assert (first.ended, first.missing) == (True, None)
    losses = [(one.step, one.value) for one in first.scalars if one.name == "loss"]
    assert losses == [(one.step, one.loss) for one in SIGNALS[:12]]
    scores = {one.name for one in first.scalars if one.name.startswith("score/")}
    assert scores == {"score/a", "score/b"}
    assert first.settings["learning_rate"] == "0.001"
    assert (first.settings["examples/b"], first.settings["rank"]) == ("10", "16")
    assert not begun.settings
    assert first.last("score/b") == first.checkpoints[-1]["tasks"][1]["score"]
    assert (begun.label, begun.steps, begun.planned, begun.ended) == ("cd" * 6, 5, None, False)
    assert begun.last("learning rate") == SIGNALS[4].rate
    assert str(begun) == f"{'cd' * 6}: step 5, loss {SIGNALS[4].loss:.4f}, underway"


def test_a_log_that_is_gone_is_said(climbing) -> None:
    """The checkpoints' scores are in the journal all the same."""
    opened = workspace.load(climbing)
    for folder in (climbing / ".escalera" / "artifacts").glob("*/steps.jsonl"):
        folder.unlink()
    first = curves.gather(opened.installation, opened.evidence())[0]
    assert "cannot be read" in (first.missing or "")
    assert {one.name for one in first.scalars} == {"score/a", "score/b"}


def test_the_page_loads_itself_while_something_is_underway(climbing) -> None:
    """It runs no script and asks the network for nothing; what ended stands still."""
    opened = workspace.load(climbing)
    found = curves.gather(opened.installation, opened.evidence())
    tasks = [{"name": task.name, "title": task.title} for task in opened.project.tasks]
    text = page.trainings(curves.document("<shop>", found), tasks)
    assert f'http-equiv="refresh" content="{page.REFRESH}"' in text
    assert text.count('class="loss"') == 2
    assert "&lt;shop&gt;" in text
    assert not re.search(r"<script|https?://", text)
    still = page.trainings(curves.document("shop", found[:1]), tasks)
    assert "refresh" not in still
    assert "Nothing was trained yet" in page.trainings(curves.document("shop", []), tasks)


def test_the_command_writes_what_is_asked_for(climbing, tmp_path, capsys) -> None:
    """Page and event files; a line per training."""
    target = tmp_path / "curves.html"
    board = tmp_path / "board"
    arguments = ["--page", str(target), "--tensorboard", str(board)]
    assert run(["curves", "--project", str(climbing), *arguments]) == 0
    first, begun = capsys.readouterr().out.splitlines()
    assert first.endswith("ended")
    assert begun.startswith("cdcdcdcdcdcd: step 5")
    assert "<!doctype html>" in target.read_text()
    assert run(["curves", "--project", str(climbing), "--page", str(tmp_path)]) == 2
    assert f"{str(tmp_path)!r} cannot be written" in capsys.readouterr().err
    assert sorted(one.name.split(" (")[0] for one in board.iterdir()) == ["10 b", "cdcdcdcdcdcd"]


def test_following_ends_with_the_climb(climbing, monkeypatch, tmp_path, capsys) -> None:
    """Until then everything is written anew from time to time."""
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            installation = wiring.install(climbing / "escalera.toml")
            end = Stopped(
                reason="budget", rung="lora", route=None, words="", reasons=(), reversal=()
            )
            with closing(installation.journal()) as journal:
                journal.append([end])

    monkeypatch.setattr("escalera.apps.cli.curves.time.sleep", sleep)
    assert run(["curves", "--project", str(climbing), "--follow"]) == 0
    assert waited == [page.REFRESH, page.REFRESH]
    assert len(capsys.readouterr().out.splitlines()) == 2
