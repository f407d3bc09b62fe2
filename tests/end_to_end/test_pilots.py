"""`escalera pilots` with two real tiny models: interrupted, continued, and asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.end_to_end.cut import Cut, Interrupted

from escalera.apps import workspace
from escalera.apps.cli.main import run
from escalera.apps.piloted import PilotWish
from escalera.errors import InputError
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

PROJECT = """\
[project]
name = "pilots"
query_type = "declared"

[models.one]
path = "one"

[models.two]
path = "two"

[climb]
model = "one"

[training]
learning_rate = 1e-2
epochs = 2
batch_tokens = 256

[tasks.a]
data = "a.jsonl"
scorer = "exact"
bar = 0.7
max_tokens = 4

[tasks.a.prompt]
instruction = "Say the number."
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A task of forty examples, and two bases that were never taught anything."""
    for seed, name in enumerate(("one", "two")):
        tiny_model(tmp_path / name, seed=seed)
    counts = {"train": 40, "search": 6, "confirm": 6}
    rows = [
        {"id": f"{split}/{n}", "split": split, "input": f"{split} {n}", "target": f"{n % 3}"}
        for split, count in counts.items()
        for n in range(count)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "escalera.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path / "escalera.toml"


def test_pilots_that_were_interrupted_go_on_and_are_never_run_twice(file: Path, capsys) -> None:
    """Every training is in the journal once, and a second question costs nothing."""
    with pytest.raises(Cut):
        workspace.load(file).pilots("a", observer=Interrupted(9))
    found = workspace.load(file).pilots("a")
    evidence = workspace.load(file).evidence()
    assert {option.name for option in found.found.options} == {"stay", "one", "two"}
    models = [part.recipe.model for parts in evidence.trained.values() for part in parts]
    assert models.count("one") >= 3
    assert models.count("two") >= 3
    assert len(models) == len(evidence.trained)
    assert run(["pilots", "--task", "a", "--project", str(file)]) == 0
    said = capsys.readouterr().out
    assert "What would reverse it:" in said
    assert run(["pilots", "--task", "a", "--project", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["current"] == "one"
    assert workspace.load(file).evidence().events == evidence.events
    with pytest.raises(InputError, match="no model 'three'"):
        workspace.load(file).pilots("a", PilotWish(bases=("three",)))
