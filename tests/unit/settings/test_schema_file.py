"""Reading what an answer must look like."""

from __future__ import annotations

import json
import sys

import pytest

from escalera.errors import ProjectError
from escalera.settings import schema_file

MODEL = """
from pydantic import BaseModel

class Change(BaseModel):
    task: str
    new: int | None = None

class Outer:
    Inner = Change
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project file whose folder is imported from, and leaves nothing behind."""
    before = set(sys.modules)
    yield tmp_path / "escalera.toml"
    for name in set(sys.modules) - before:
        if name.startswith("shop_"):
            del sys.modules[name]


def load(named, project):
    return schema_file.load(named, task="a", project=project)


def test_a_file_keeps_the_order_of_its_keys(project):
    """It is the order in which a model is made to write them."""
    (project.parent / "s.json").write_text('{"type": "object",\n "properties": {"b": {}, "a": {}}}')
    assert load("s.json", project) == '{"type":"object","properties":{"b":{},"a":{}}}'


def test_a_pydantic_model_beside_the_project_file(project):
    """By its dotted path; the schema is Pydantic's own."""
    (project.parent / "shop_models.py").write_text(MODEL)
    found = json.loads(load("shop_models:Change", project))
    assert list(found["properties"]) == ["task", "new"]
    assert found["required"] == ["task"]
    assert load("shop_models:Outer.Inner", project) == load("shop_models:Change", project)
    assert str(project.parent) not in sys.path


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("missing.json", "cannot be read"),
        ("bad.json", "is not JSON"),
        ("shop_nowhere:Model", "cannot be imported"),
        ("shop_plain:Plain", "is not a Pydantic model"),
        ("shop_plain:Missing", "is not a Pydantic model"),
        ("shop_needs:Model", "pip install pydantic"),
    ],
)
def test_what_cannot_be_read(named, said, project):
    """The message names the key, the value and the remedy."""
    (project.parent / "bad.json").write_text("{")
    (project.parent / "shop_plain.py").write_text("class Plain: pass\n")
    (project.parent / "shop_needs.py").write_text(
        "raise ImportError('No module named pydantic', name='pydantic')\n"
    )
    with pytest.raises(ProjectError, match=said) as caught:
        load(named, project)
    assert caught.value.key == "tasks.a.schema"
    assert str(project.parent) not in sys.path
