"""Preferences from the project's own data, trained for real by the command line."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.end_to_end.example import escalera, small_example

from escalera import wiring
from escalera.core.evidence import fold

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]


def preferring(folder: Path) -> Path:
    """A small cut of the example that is to learn preferences."""
    found = small_example(folder, epochs="1")
    file = found / "escalera.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[training]\n", '[training]\nobjective = "preference"\n'))
    return found


def compare(file: Path, *, every: int) -> None:
    """Give every so manieth train row the target of another one as a rejected answer."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for place, row in enumerate(rows):
        other = next(o["target"] for o in rows if o["target"] != row["target"])
        if row["split"] == "train" and place % every == 0:
            row["rejected"] = other
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def test_pairs_are_learned_and_their_absence_is_refused_first(tmp_path: Path) -> None:
    """Nothing is begun without them; with them, only items that have one are taught."""
    folder = preferring(tmp_path / "shop")
    refused = escalera("climb", "-p", str(folder))
    assert refused.returncode == 2
    assert "no `train` item of 'feedback' has a `rejected` answer" in refused.stderr
    assert not wiring_state(folder)
    for file in (folder / "data").glob("*.jsonl"):
        compare(file, every=2)
    row = {"input": "Status: open\nStop 0001 please.", "target": "a", "rejected": "b"}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    effect = ["data", "effect", "order_changes", str(folder / "rows.jsonl"), "--seeds", "2"]
    done = escalera(*effect, "-p", str(folder))
    assert done.returncode == 0, done.stderr
    with closing(wiring.install(folder / "escalera.toml").journal()) as journal:
        parts = [part for found in fold(journal.events()).trained.values() for part in found]
    assert {part.recipe.objective for part in parts} == {"preference"}
    assert sorted({part.examples for part in parts}) == [120, 121]
    assert all(part.curve[0].loss > part.curve[-1].loss for part in parts)


def wiring_state(folder: Path) -> list[Path]:
    """What a climb leaves in the folder of its state."""
    return [*folder.glob(".escalera/*")]
