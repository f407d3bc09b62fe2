"""A real climb of the running example: prompts, examples, a LoRA training, and what follows."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from tests.end_to_end.example import escalera, small_example

from escalera import wiring
from escalera.domain.event import Event, Observed
from escalera.domain.training import Trained

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

LEVERS = {"epochs": "2", "rungs": '["prompt", "examples", "lora", "route"]'}


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was climbed without interruption."""
    folder = small_example(tmp_path_factory.mktemp("whole") / "support", **LEVERS)
    done = escalera("climb", "-p", str(folder))
    assert done.returncode in (0, 3, 4), done.stderr
    return folder


def report(folder: Path) -> str:
    """The report without clock readings."""
    return escalera("report", "-p", str(folder), "--json", "--no-clocks").stdout


def events(folder: Path) -> list[Event]:
    """Everything in a project's journal."""
    journal = wiring.install(folder / "escalera.toml").journal()
    try:
        return list(journal.events())
    finally:
        journal.close()


def recorded(folder: Path) -> int:
    """How many events are durable, while a climb may be writing; 0 before there is a journal."""
    journal = folder / ".escalera" / "journal.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as opened:
            (count,) = opened.execute("select count(*) from journal").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(count)


def killed_at(folder: Path, mark: int) -> bool:
    """Climb until *mark* events are recorded, then kill -9; whether it was still climbing."""
    climb = subprocess.Popen(
        [sys.executable, "-m", "escalera", "climb", "-p", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while climb.poll() is None and recorded(folder) < mark:
        time.sleep(0.05)
    alive = climb.poll() is None
    climb.kill()
    climb.wait()
    return alive


def test_the_climb_passes_every_rung_below_the_decision(climbed: Path) -> None:
    """Order changes are beyond prompting for this model, so an adapter was trained."""
    document = json.loads(report(climbed))
    states = {rung["rung"]: rung["state"] for rung in document["ladder"]}
    assert states["prompt"] == "inadequate"
    assert states["examples"] == "inadequate"
    assert states["lora"] != "not reached"
    assert states["mixture"] == "not allowed"
    assert [entry["label"] for entry in document["trainings"]]


def test_every_figure_of_a_verdict_comes_from_confirm_items(climbed: Path) -> None:
    """Races use `search` items only, verdicts `confirm` items only."""
    seen = [event for event in events(climbed) if isinstance(event, Observed)]
    assert {event.split for event in seen} == {"search", "confirm"}
    document = json.loads(report(climbed))
    cells = [cell for entry in document["candidates"] for cell in entry["cells"]]
    assert cells
    assert all(0 < cell["score"]["n"] <= 80 for cell in cells)


def test_climbing_again_asks_nothing_and_decides_the_same(climbed: Path) -> None:
    """A finished climb is only read."""
    before, calls = report(climbed), len(events(climbed))
    assert escalera("climb", "-p", str(climbed)).returncode in (0, 3, 4)
    assert report(climbed) == before
    assert len(events(climbed)) == calls


def test_a_climb_killed_at_random_moments_is_the_same_climb(climbed: Path, tmp_path: Path) -> None:
    """kill -9, again and again: same report to the byte, and no answer is bought twice."""
    folder = small_example(tmp_path / "killed", **LEVERS)
    marks = sorted(random.Random(3).sample(range(1, recorded(climbed)), 4))
    landed = sum(killed_at(folder, mark) for mark in marks)
    assert landed >= 2
    assert escalera("climb", "-p", str(folder)).returncode in (0, 3, 4)
    assert json.loads(report(folder))["verdict"]["sentence"]
    assert report(folder) == report(climbed)
    asked = Counter((e.system, e.item) for e in events(folder) if isinstance(e, Observed))
    assert set(asked.values()) == {1}
    made = [
        (event.recipe.digest, event.steps) for event in events(folder) if isinstance(event, Trained)
    ]
    assert len(made) == len(set(made))


def test_a_lost_adapter_ends_the_climb_and_costs_no_item(climbed: Path, tmp_path: Path) -> None:
    """Its items are not written off as unscored: with the folder back, the climb goes on."""
    folder = small_example(tmp_path / "copy", **LEVERS)
    adapters = folder / ".escalera" / "artifacts"
    whole = events(climbed)
    trained = next(n for n, event in enumerate(whole) if isinstance(event, Trained)) + 1
    journal = wiring.install(folder / "escalera.toml").journal()
    journal.append(whole[:trained])
    journal.close()
    shutil.copytree(climbed / ".escalera" / "artifacts", adapters)
    adapters.rename(tmp_path / "away")
    done = escalera("climb", "-p", str(folder))
    assert done.returncode not in (0, 3, 4)
    assert "cannot be used with this model" in done.stderr
    assert "Restore its folder, or the model, from a copy" in done.stderr
    assert not any(isinstance(e, Observed) and e.score is None for e in events(folder)[trained:])
    (tmp_path / "away").rename(adapters)
    assert escalera("climb", "-p", str(folder)).returncode in (0, 3, 4)
    assert report(folder) == report(climbed)


def test_explain_and_report_speak_of_the_decision(climbed: Path) -> None:
    """The words of the verdict reach the terminal and the page."""
    document = json.loads(report(climbed))
    explained = escalera("explain", "-p", str(climbed)).stdout
    assert document["verdict"]["sentence"] in explained
    page = climbed / "report.html"
    assert escalera("report", "-p", str(climbed)).stdout.strip() == str(page)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_climb_until_a_rung_is_the_beginning_of_the_whole_climb(
    climbed: Path, tmp_path: Path
) -> None:
    """Killed in the middle, continued to the rung, then to the end: the same report."""
    folder = small_example(tmp_path / "support", **LEVERS)
    killed_at(folder, 150)
    done = escalera("climb", "-p", str(folder), "--until", "prompt")
    assert done.returncode in (0, 3), done.stderr
    assert "Prompt wording: " in done.stdout
    decided = [e for e in events(folder) if type(e).__name__ == "Decided" and not e.task]
    assert [e.rung for e in decided] == ["prompt"]
    assert not any(isinstance(event, Trained) for event in events(folder))
    again = escalera("climb", "-p", str(folder), "--until", "prompt", "--json")
    assert json.loads(again.stdout)["rung"] == "prompt"
    escalera("climb", "-p", str(folder))
    assert report(folder) == report(climbed)
