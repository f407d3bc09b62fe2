"""Which selections a task allows."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.prompts import selections
from escalera.domain.project import BaseModel
from escalera.domain.selection import Context, Passage
from escalera.testing import playbook

LOCAL = BaseModel(name="base", revision="r1", trainable=True, price=None)
REMOTE = replace(LOCAL, trainable=False)
E5 = BaseModel(name="e5", revision="r5", trainable=False, price=None)
TASK = playbook.task("a")
PASSAGE = Passage(id="d#1", source="d", position=1, text="word")
READING = Context(passages=(PASSAGE,), top=2, tokens=50, methods=("embedding", "bm25"))


def test_examples_are_found_by_words_and_by_embedding():
    """The second only with a model for it, whose revision is part of the selection."""
    (alone,) = selections.examples(TASK, model=LOCAL, embedder=None, tokens=9)
    assert (alone.method, alone.embedder, alone.pool) == ("bm25", "", TASK.pool("examples").digest)
    _, embedded = selections.examples(TASK, model=LOCAL, embedder=E5, tokens=9)
    assert (embedded.method, embedded.embedder, embedded.revision) == ("embedding", "e5", "r5")


def test_a_local_model_counts_its_tokens():
    """Of an endpoint the tokenizer is not known: then a byte is a token."""
    counted = [
        selections.examples(TASK, model=model, embedder=None, tokens=9)[0].tokenizer
        for model in (LOCAL, REMOTE)
    ]
    assert counted == ["r1", ""]


def test_passages_are_found_in_the_ways_that_are_named():
    """In that order; without a model for embeddings only by words."""
    task = replace(TASK, context=READING)
    found = selections.passages(task, model=LOCAL, embedder=E5)
    assert [(one.method, one.count, one.tokens) for one in found] == [
        ("embedding", 2, 50),
        ("bm25", 2, 50),
    ]
    assert [one.method for one in selections.passages(task, model=LOCAL, embedder=None)] == ["bm25"]


def test_nothing_to_choose_from_is_no_selection():
    """No train items, no documents."""
    bare = playbook.task("a", items={"search": 3, "confirm": 3})
    assert selections.examples(bare, model=LOCAL, embedder=E5, tokens=9) == ()
    assert selections.passages(bare, model=LOCAL, embedder=E5) == ()


def test_another_pool_is_another_selection():
    """A system is known by what it chooses from."""
    more = replace(PASSAGE, text="other")
    changed = replace(READING, passages=(more,))
    first, second = (
        selections.passages(replace(TASK, context=one), model=LOCAL, embedder=None)[0].digest
        for one in (READING, changed)
    )
    assert first != second
