"""Selections, performed: what is bought, what is kept, and what a kill costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.steps import Select
from escalera.core.prompts import selections
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.selection import Embedded, Selected
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine.purse import Purse
from escalera.engine.reading import BATCH, Reader
from escalera.engine.selecting import Selector
from escalera.errors import ProviderUnavailable, RequestRejected
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import WordVectors, retrieval

TASK = playbook.task("a", items={"train": 150, "search": 6, "confirm": 6})
E5 = BaseModel(
    name="e5", revision="r5", trainable=False, price=ModelPrice(prompt=1_000_000, completion=0)
)
PROJECT = replace(playbook.project(TASK), embedder=E5)
BY_WORDS, BY_VECTORS = selections.examples(TASK, model=PROJECT.model, embedder=E5, tokens=4000)
ITEMS = TASK.items("search")
TEXTS = 150 + len(ITEMS)


class Breaking(WordVectors):
    """An embedder whose endpoint goes away after some batches."""

    def __init__(self, lives):
        super().__init__()
        self.lives = lives

    async def embed(self, texts):
        if self.lives == 0:
            raise ProviderUnavailable("gone", provider="e5")
        self.lives -= 1
        return await super().embed(texts)


class Refusing(WordVectors):
    """An embedder that will not read one of the texts."""

    async def embed(self, texts):
        if ITEMS[0].input in texts:
            raise RequestRejected("too long", provider="e5")
        return await super().embed(texts)


class World:
    """A journal, a store and caps, which outlive a run."""

    def __init__(self, folder, **caps):
        self.journal, self.store = MemoryJournal(), FolderArtifacts(folder)
        self.project = replace(PROJECT, budget=Budget(**caps))

    def select(self, selection, *, embedder=None, items=ITEMS):
        evidence = fold(self.journal.events())

        def record(events):
            self.journal.append(events)
            for event in events:
                evidence.apply(event)

        shared = {"evidence": evidence, "artifacts": self.store, "record": record}
        reader = Reader(
            retrieval=retrieval(embedder),
            purse=Purse(Caps.of(self.project), evidence, record),
            progress=lambda *_: None,
            **shared,
        )
        selector = Selector(
            project=self.project, retrieval=retrieval(embedder), reader=reader, **shared
        )

        async def work():
            try:
                await selector.perform(Select(selection=selection, items=items))
            finally:
                await reader.close()

        asyncio.run(work())
        return evidence


def of(journal, kind):
    return [event for event in journal.events() if isinstance(event, kind)]


def test_by_words_nothing_is_bought(tmp_path):
    """Every item has its choice, in one durable group."""
    world = World(tmp_path)
    evidence = world.select(BY_WORDS)
    assert {event.item for event in of(world.journal, Selected)} == {item.id for item in ITEMS}
    assert all(len(evidence.chosen(BY_WORDS, item).chosen) == 4 for item in ITEMS)
    assert evidence.spent.calls == 0


def test_every_text_is_embedded_once(tmp_path):
    """In batches, which are counted as calls and paid for; more items need only their own texts."""
    world, embedder = World(tmp_path), WordVectors()
    evidence = world.select(BY_VECTORS, embedder=embedder)
    assert [len(batch) for batch in embedder.asked] == [BATCH, BATCH, TEXTS - 2 * BATCH]
    assert (evidence.spent.calls, evidence.spent.prompt_tokens) == (3, 4 * TEXTS)
    assert evidence.spent.micro_dollars == 4 * TEXTS
    world.select(replace(BY_VECTORS, count=2), embedder=embedder, items=TASK.items("confirm"))
    assert [len(batch) for batch in embedder.asked][3:] == [len(TASK.items("confirm"))]
    assert embedder.closed == 2


@pytest.mark.parametrize("lives", [0, 1, 2])
def test_what_was_bought_before_an_outage_is_used_after_it(tmp_path, lives):
    """The batches that came are in the journal and in the store; only the others are asked for."""
    world, again = World(tmp_path), WordVectors()
    with pytest.raises(ProviderUnavailable):
        world.select(BY_VECTORS, embedder=Breaking(lives))
    assert len(of(world.journal, Embedded)) == lives
    assert of(world.journal, Selected) == []
    world.select(BY_VECTORS, embedder=again)
    assert sum(map(len, again.asked)) == TEXTS - lives * BATCH
    whole = World(tmp_path / "whole")
    whole.select(BY_VECTORS, embedder=WordVectors())
    assert of(world.journal, Selected) == of(whole.journal, Selected)


@pytest.mark.parametrize("caps", [{"calls": 2}, {"micro_dollars": 620}, {"tokens": 620}])
def test_no_cap_is_exceeded(tmp_path, caps):
    """The worst case is a token per byte; a batch shrinks to what fits, and then nothing does."""
    world = World(tmp_path, **caps)
    evidence = world.select(BY_VECTORS, embedder=WordVectors())
    assert of(world.journal, Embedded)
    assert of(world.journal, Selected) == []
    spent = evidence.spent
    assert spent.calls <= caps.get("calls", TEXTS)
    assert spent.micro_dollars <= caps.get("micro_dollars", 10**9)
    assert spent.prompt_tokens <= caps.get("tokens", 10**9)
    longest = max(len(item.input) for item in TASK.examples)
    if "calls" not in caps:
        assert 620 - spent.prompt_tokens < longest + 8


def test_without_a_text_nothing_is_chosen(tmp_path):
    """The choice would be another: an endpoint that will not read one is told."""
    world = World(tmp_path)
    with pytest.raises(RequestRejected, match="too long"):
        world.select(BY_VECTORS, embedder=Refusing())
    assert sum(len(event.texts) for event in of(world.journal, Embedded)) == TEXTS - 1
    assert of(world.journal, Selected) == []


def test_equal_texts_are_one_text(tmp_path):
    """A query that stands in the pool, or twice among the items, is not bought again."""
    embedder = WordVectors()
    World(tmp_path).select(BY_VECTORS, embedder=embedder, items=TASK.items("train")[:5])
    assert sum(map(len, embedder.asked)) == 150
