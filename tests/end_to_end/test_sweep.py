"""`escalera sweep` with a real tiny model: cut off, continued, and asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

from tests.end_to_end.cut import Cut, Interrupted

from escalera.apps import workspace
from escalera.apps.cli.main import run
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

PROJECT = """\
[project]
name = "sweep"
query_type = "declared"

[models.one]
path = "one"

[climb]
model = "one"

[training]
learning_rate = 1e-5
epochs = 4
batch_tokens = 64

[training.sweep]
trials = 4
learning_rate = [1e-3, 1e30]
rank = [2, 4]

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
    """A task of a dozen examples, and a range that goes where every training diverges."""
    tiny_model(tmp_path / "one")
    counts = {"train": 12, "search": 8, "confirm": 4}
    rows = [
        {"id": f"{split}/{n}", "split": split, "input": f"{split} {n}", "target": f"{n % 2}"}
        for split, count in counts.items()
        for n in range(count)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "escalera.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path / "escalera.toml"


def test_a_sweep_that_was_cut_off_goes_on_and_diverging_trials_end_alone(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Suggestions are in the journal once each, and asking again adds nothing."""
    with pytest.raises(Cut):
        workspace.load(file).sweep("a", observer=Interrupted(12))
    found = workspace.load(file).sweep("a").found
    evidence = workspace.load(file).evidence()
    (suggested,) = evidence.suggested.values()
    assert sorted(suggested) == [1, 2, 3]
    assert len(found.tried) == 4
    assert len(found.tried[0].scores) == 4
    assert any(one.diverged for one in found.tried)
    assert run(["sweep", "--task", "a", "--project", str(file)]) == 0
    assert "(own)" in capsys.readouterr().out
    assert run(["sweep", "--task", "a", "--project", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["levers"] == ["learning_rate", "rank"]
    assert workspace.load(file).evidence().events == evidence.events
