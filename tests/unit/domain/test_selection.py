"""Selections, passages and pools: what they are known by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.domain.selection import Context, Passage, Selection
from escalera.domain.system import Prompt
from escalera.testing import playbook

PASSAGE = Passage(id="d.md#1", source="d.md", position=1, text="free returns")
CONTEXT = Context(passages=(PASSAGE,), top=3, tokens=100, methods=("bm25",))
SELECTION = Selection(kind="examples", count=4, order="nearest last", tokens=10, pool="p")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "passages"}, {"method": "embedding"}, {"embedder": "e5"}, {"revision": "r"},
        {"count": 5}, {"order": "nearest first"}, {"tokens": 11}, {"tokenizer": "t"}, {"pool": "q"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_whatever_changes_a_choice_changes_the_system(change):
    """Evidence of one selection is none of another."""
    other = replace(SELECTION, **change)
    assert other.digest != SELECTION.digest
    assert Prompt(selections=(other,)).digest != Prompt(selections=(SELECTION,)).digest


def test_a_pool_is_known_by_what_is_in_it():
    """Of the passages every word counts; of the task's items only those of `train` do."""
    task = replace(playbook.task("a"), context=CONTEXT)
    assert task.pool("passages").entries == {"d.md#1": PASSAGE}
    assert task.pool("passages").digest == CONTEXT.pool
    changed = replace(CONTEXT, passages=(replace(PASSAGE, text="no returns"),))
    assert changed.pool != CONTEXT.pool
    assert list(task.pool("examples").entries) == [item.id for item in task.items("train")]
    tested = replace(task, examples=task.items("train"))
    assert tested.pool("examples").digest == task.pool("examples").digest
    fewer = replace(task, examples=task.items("train")[1:])
    assert fewer.pool("examples").digest != task.pool("examples").digest


def test_a_task_without_documents_has_an_empty_pool():
    """Nothing can be chosen from it."""
    assert playbook.task("a").pool("passages").entries == {}
