"""A real climb of the running example: prompts, examples, a LoRA training, and what follows."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

from tests.end_to_end.example import escalera, small_example

from escalera import wiring
from escalera.domain.event import Observed, Trained

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


def events(folder: Path) -> list[object]:
    """Everything in a project's journal."""
    journal = wiring.install(folder / "escalera.toml").journal()
    try:
        return list(journal.events())
    finally:
        journal.close()


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
    chance = random.Random(3)
    for _ in range(4):
        climb = subprocess.Popen(
            [sys.executable, "-m", "escalera", "climb", "-p", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            climb.wait(chance.uniform(3, 15))
        except subprocess.TimeoutExpired:
            climb.kill()
            climb.wait()
    assert escalera("climb", "-p", str(folder)).returncode in (0, 3, 4)
    assert report(folder) == report(climbed)
    asked = Counter((e.system, e.item) for e in events(folder) if isinstance(e, Observed))
    assert set(asked.values()) == {1}
    made = [event.recipe.digest for event in events(folder) if isinstance(event, Trained)]
    assert len(made) == len(set(made))


def test_explain_and_report_speak_of_the_decision(climbed: Path) -> None:
    """The words of the verdict reach the terminal and the page."""
    document = json.loads(report(climbed))
    explained = escalera("explain", "-p", str(climbed)).stdout
    assert document["verdict"]["sentence"] in explained
    page = climbed / "report.html"
    assert escalera("report", "-p", str(climbed)).stdout.strip() == str(page)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
