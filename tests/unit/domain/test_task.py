"""Tasks and projects find what they hold."""

from __future__ import annotations

import pytest

from escalera.domain.project import RUNGS
from escalera.testing import playbook


def test_items_of_a_split_keep_the_order_of_the_project():
    """A split is a filter, not another order."""
    task = playbook.task("a", items={"train": 5, "confirm": 7})
    found = task.items("confirm")
    assert len(found) == 7
    assert list(found) == [item for item in task.examples if item.split == "confirm"]
    assert len(task.items("golden")) == 0


def test_a_project_finds_a_task_by_name():
    """And says which name it does not know."""
    project = playbook.project(playbook.task("a"), playbook.task("b"))
    assert project.task("b") is project.tasks[1]
    with pytest.raises(KeyError, match="c"):
        project.task("c")


def test_there_are_nine_rungs():
    """The names that a project file may use."""
    assert sorted(RUNGS) == [
        "examples", "full", "lora", "merge", "mixture", "prompt", "route", "search",
        "structured",
    ]  # fmt: skip
