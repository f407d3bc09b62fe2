"""What selections choose from, searched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.core.evidence import Row
from escalera.core.prompts import choosing, context, overlap, selections, vectors
from escalera.domain.identity import digest_of
from escalera.domain.message import Query
from escalera.domain.project import BaseModel
from escalera.domain.selection import Context
from escalera.domain.system import Prompt
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine.library import Library
from escalera.errors import EvidenceMissing
from escalera.testing import playbook
from escalera.testing.retrieval import WordVectors, retrieval, vector

TEXT = "Returns are free for thirty days. " * 3 + "Parcels take two days to arrive. " * 3
READING = Context(
    passages=context.cut(TEXT, source="d.md", words=20, overlap=2),
    top=1, tokens=500, methods=("bm25", "embedding"),
)  # fmt: skip
TASK = replace(playbook.task("a"), context=READING)
BASE = playbook.project(TASK).model
E5 = BaseModel(name="e5", revision="r5", trainable=False, price=None)
BY_WORDS, BY_VECTORS = selections.passages(TASK, model=BASE, embedder=E5)
(NEAREST, _) = selections.examples(TASK, model=BASE, embedder=E5, tokens=4000)


def library(folder=Path("unused"), embedded=None, embedder=None):
    return Library(
        (TASK,),
        retrieval=retrieval(embedder),
        artifacts=FolderArtifacts(folder),
        embedded=embedded or {},
    )


def test_a_query_finds_what_shares_its_rare_words():
    """Passages, and examples without the item itself."""
    found = library()
    shown = found.serve(BY_WORDS, Query(input="when do parcels arrive"), None)
    assert [passage.id for passage in shown.passages] == [READING.passages[-1].id]
    item = TASK.items("train")[3]
    choice = found.choose(NEAREST, item)
    assert choice.leaks == (item.id,)
    assert item.id not in choice.chosen
    assert len(choice.chosen) == 4


def test_a_user_gets_the_nearest_example_also_where_it_is_the_same():
    """No item is under test: what was asked before is the best example there is."""
    item = TASK.items("train")[3]
    shown = library().serve(NEAREST, item.query, None)
    assert shown.shots[-1].target == item.target


@pytest.fixture
def embedded(tmp_path):
    """The vectors of all passages in one artifact, and where each is."""
    store = FolderArtifacts(tmp_path)
    folder = store.scratch()
    for name, content in vectors.to_files([vector(p.text) for p in READING.passages]).items():
        (folder / name).write_bytes(content)
    artifact = store.put(folder)
    return {
        ("r5", digest_of(passage.text)): Row(vectors=artifact, row=row)
        for row, passage in enumerate(READING.passages)
    }


def test_a_users_query_is_embedded_and_not_kept(tmp_path, embedded):
    """One text per query; the passages' vectors come from the store."""
    embedder = WordVectors()
    found = library(tmp_path, embedded, embedder)
    prompt = Prompt(selections=(BY_VECTORS,))
    shown = asyncio.run(found.material(prompt, Query(input="parcels arrive in days")))
    assert [passage.id for passage in shown.passages] == [READING.passages[-1].id]
    assert embedder.asked == [("parcels arrive in days",)]
    asyncio.run(found.close())
    assert embedder.closed == 1


def test_a_vector_that_is_not_stored_is_missed():
    """With what is to be done; nothing is guessed."""
    with pytest.raises(EvidenceMissing, match="climb again"):
        library().choose(BY_VECTORS, TASK.items("search")[0])


def test_choosing_again_gives_the_same(tmp_path, embedded):
    """An auditor with the pool finds what the journal says."""
    asked = overlap.said(TASK.items("search")[0].query)
    store = FolderArtifacts(tmp_path)
    folder = store.scratch()
    for name, content in vectors.to_files([vector(asked)]).items():
        (folder / name).write_bytes(content)
    embedded["r5", digest_of(asked)] = Row(vectors=store.put(folder), row=0)
    item = TASK.items("search")[0]
    choices = {library(tmp_path, embedded).choose(BY_VECTORS, item) for _ in range(2)}
    assert len(choices) == 1
    assert isinstance(choices.pop(), choosing.Choice)
