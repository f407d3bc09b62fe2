"""From a table of the project file to a task: items, documents and prompts that read them."""

from __future__ import annotations

import json

import pytest

from escalera.domain.project import BaseModel
from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import ProjectError
from escalera.settings import panels, project_file
from escalera.settings.tables import JudgeTable
from escalera.wiring import task_tables

MODEL = BaseModel(name="m", revision="r", trainable=False, price=None)
PROJECT = """
[project]
name = "shop"
seed = 3
[models.m]
base_url = "http://127.0.0.1:9/v1"
model = "m"
[climb]
model = "m"
[tasks.returns]
data = "returns.jsonl"
scorer = "exact"
bar = 0.9
[tasks.returns.prompt]
instruction = "Say yes or no."
files = ["reads.toml"]
"""
CONTEXT = """
[tasks.returns.context]
documents = ["terms.md"]
top = 1
"""
READS = """
inputs = ["input", "passages"]
[[messages]]
role = "user"
content = "{% for p in passages %}{{ p.text }}{% endfor %} {{ input }}"
"""


def load(folder, project, judges=None):
    rows = [{"id": s, "split": s, "input": s, "target": "yes"} for s in ("search", "confirm")]
    (folder / "returns.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "terms.md").write_text("Lamps can be sent back.")
    (folder / "reads.toml").write_text(READS)
    file = folder / "escalera.toml"
    file.write_text(project)
    tables = project_file.load(file, scorers=OPTIONS)
    return task_tables.load(
        file, tables, "returns", judges=judges or {}, model=MODEL, embedder=None
    )


def test_a_prompt_that_reads_gets_the_passages_of_the_documents(tmp_path):
    """By the first way of finding them; the task has all there is to choose from."""
    task = load(tmp_path, PROJECT + CONTEXT)
    assert (task.name, task.title, task.share) == ("returns", "returns", 1.0)
    assert [passage.text for passage in task.context.passages] == ["Lamps can be sent back."]
    (selection,) = task.prompts[0].prompt.selections
    assert (selection.kind, selection.count) == ("passages", 1)
    assert selection.pool == task.pool("passages").digest
    assert {item.split for item in task.examples} == {"search", "confirm"}


def test_a_prompt_that_reads_needs_documents(tmp_path):
    """Without them it is a field that every item would have to bring."""
    with pytest.raises(ProjectError, match="needs the field 'passages'"):
        load(tmp_path, PROJECT)


def test_people_vote_where_judges_do(tmp_path):
    """A label counts from the same grade on; beside a mean it is a place on the scale."""
    labels = [{"item": "confirm", "reply": reply, "labels": [1, 3]} for reply in ("yes", "no")]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    judged = (PROJECT + CONTEXT).replace('"exact"', '"judge:kind"\nlabels = "labels.jsonl"')
    judged += '[judges.kind]\nmodel = "m"\nrubric = "Is kind."\nallow_self = true\n'
    table = JudgeTable(model="m", rubric="Is kind.", combine="vote", passing=3)
    for made, scores in ((table, (0.0, 1.0)), (JudgeTable(model="m", rubric="r"), (0.25, 0.75))):
        panel = panels.panel("kind", made, {"m": MODEL})
        task = load(tmp_path, judged, judges={"kind": panel})
        assert [label.scores for label in task.labels] == [scores, scores]
