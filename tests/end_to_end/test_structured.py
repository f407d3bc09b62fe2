"""A climb of a task with a schema on a real model: every way is asked, and constrained is valid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from escalera import wiring
from escalera.core.evaluation.compare import cutoffs
from escalera.domain.event import Observed, Proposed
from escalera.engine import climb
from escalera.engine.observer import Quiet
from escalera.errors import ProjectError
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

SCHEMA = {
    "type": "object",
    "properties": {"theme": {"enum": ["app", "cost"]}, "note": {"type": "string"}},
    "required": ["theme"],
    "additionalProperties": False,
}
PROJECT = """
[project]
name = "forms"
[models.base]
path = "model"
[climb]
model = "base"
rungs = ["prompt", "examples", "structured"]
looks = [1.0]
[tasks.label]
data = "label.jsonl"
scorer = "exact"
bar = 0.9
max_tokens = 24
schema = "label.schema.json"
[tasks.label.prompt]
instruction = "Label it."
"""
COUNTS = {"train": 8, "search": 6, "confirm": 12}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project on a random model, which fails at everything but form."""
    tiny_model(tmp_path / "model")
    rows = [
        {"id": f"{split}{n}", "split": split, "input": f"{split} {n}", "target": '{"theme":"app"}'}
        for split, count in COUNTS.items()
        for n in range(count)
    ]
    (tmp_path / "label.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "label.schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "escalera.toml").write_text(PROJECT)
    return tmp_path / "escalera.toml"


def test_every_way_is_tried_and_constrained_answers_are_valid(project: Path) -> None:
    """From the project file to the journal, with the model in this process."""
    installed = wiring.install(project)
    journal = installed.journal()
    evidence = climb.run(
        installed.project, ports=installed.ports(journal), observer=Quiet(), version="test"
    )
    events = list(journal.events())
    journal.close()
    proposed = [e for e in events if isinstance(e, Proposed) and e.rung == "structured"]
    outputs = {e.system.digest: e.system.output for e in proposed}
    modes = [(o.mode, o.told, o.repairs) for o in outputs.values() if o is not None]
    assert len(modes) == 5
    answers = [e for e in events if isinstance(e, Observed)]
    # What the model's context cannot hold is refused: there is no answer to check.
    assert all((e.valid is None) == (e.finish is None) for e in answers)
    held = [e for e in answers if outputs.get(e.system) and e.finish is not None]
    asked = set()
    for event in held:
        output = outputs[event.system]
        assert output is not None
        if output.mode == "constrained":
            asked.add(output)
            assert event.valid, event.reply
            assert json.loads(event.reply)["theme"] in ("app", "cost")
        assert event.repairs <= output.repairs
    assert asked, "no constrained answer was given"
    assert any(e.repairs == 2 for e in held), "a random model repairs nothing by itself"
    assert evidence.spent.calls == sum(1 + e.repairs for e in answers if e.bought)
    (task,) = installed.project.tasks
    assert cutoffs(task, installed.project.policy) == (12,)
    assert evidence.decision("structured", "") is not None


def test_a_target_that_is_not_valid_is_found_before_anything_is_spent(project: Path) -> None:
    """The error names the item and the reason."""
    data = project.with_name("label.jsonl")
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    for row in rows:
        if row["id"] == "search3":
            row["target"] = '{"theme":"ap"}'
    data.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ProjectError, match=r"'label/search3' is not valid against it: at /theme"):
        wiring.install(project)


def test_without_a_schema_the_rung_is_left_out(project: Path) -> None:
    """And the project is what it was before there were schemas."""
    project.write_text(project.read_text().replace('schema = "label.schema.json"', ""))
    installed = wiring.install(project)
    assert installed.project.policy.rungs == ("prompt", "examples")
    assert installed.project.model.output == ()


def test_a_model_is_asked_only_in_the_modes_that_are_named(project: Path) -> None:
    """And a mode that it cannot have is a mistake in the file."""
    text = project.read_text()
    project.write_text(text.replace('path = "model"', 'path = "model"\noutput = ["constrained"]'))
    assert wiring.install(project).project.model.output == ("constrained",)
    project.write_text(text.replace('path = "model"', 'path = "model"\noutput = ["tools"]'))
    with pytest.raises(ProjectError, match=r"models\.base\.output: \['tools'\] is not what a"):
        wiring.install(project)
