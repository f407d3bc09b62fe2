"""A router that may read embeddings: bought where they are needed, and kept out where not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.steps import FitRouter
from escalera.domain.dataset import Examples
from escalera.domain.message import Embeddings, Usage
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.selection import Embedded
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import making, weighing
from escalera.engine.purse import Purse
from escalera.engine.reading import Bought, Reader
from escalera.errors import CallFailed, InputError, RequestRejected
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import WordVectors, retrieval

E5 = BaseModel(
    name="e5", revision="r5", trainable=False, price=ModelPrice(prompt=1_000_000, completion=0)
)
ITEMS = {"train": 30, "search": 40, "confirm": 8}


def task(name):
    """A task whose messages are letters by chance: no word tells which it is."""
    chance = np.random.default_rng(ord(name))
    examples = [
        replace(item, input="".join(chance.choice(list("defghijklmnop"), 12)))
        for item in playbook.task(name, items=ITEMS).examples
    ]
    return replace(playbook.task(name, items=ITEMS), examples=Examples(examples))


TASKS = (task("a"), task("b"))
TEXTS = {item.input: item for one in TASKS for item in one.examples}
PROJECT = replace(playbook.project(*TASKS), router_embedder=E5)
STEP = FitRouter(tasks=("a", "b"))


class Knowing(WordVectors):
    """An embedder that knows the tasks, or (not *telling*) one that knows nothing."""

    def __init__(self, *, telling=True, refused=(), failing=False):
        super().__init__()
        self.telling, self.refused, self.failing = telling, refused, failing

    async def embed(self, texts):
        self.asked.append(tuple(texts))
        if self.failing:
            raise CallFailed("no", provider="e5")
        if any(text in self.refused for text in texts):
            raise RequestRejected("too long", provider="e5")
        usage = Usage(prompt_tokens=len(texts), completion_tokens=0)
        vectors = tuple(self._vector(text) for text in texts)
        return Embeddings(vectors=vectors, usage=usage, micro_dollars=len(texts), seconds=0.5)

    def _vector(self, text):
        chance = np.random.default_rng(len(text) + ord(text[0]) * 31 + ord(text[-1]))
        noise = chance.normal(size=4) * 0.1
        known = TEXTS.get(text)
        if self.telling and known is not None:
            noise[known.task == "b"] += 1
        return tuple(noise.tolist())


class World:
    """A journal and a store, and what a router is made of them."""

    def __init__(self, folder, embedder, project=PROJECT):
        self.journal, self.store, self.embedder = MemoryJournal(), FolderArtifacts(folder), embedder
        self.project = project

    def fit(self):
        evidence = fold(self.journal.events())

        def record(events):
            self.journal.append(events)
            for event in events:
                evidence.apply(event)

        reader = Reader(
            evidence=evidence,
            retrieval=retrieval(self.embedder),
            artifacts=self.store,
            purse=Purse(Caps.of(self.project), evidence, record),
            record=record,
            progress=lambda *_: None,
        )
        bought = Bought(evidence=evidence, artifacts=self.store, buy=reader.read)
        return asyncio.run(weighing.fit_router(STEP, self.project, bought))


def test_embeddings_that_help_are_read_by_the_router_and_recorded(tmp_path):
    """Every message is told, by what it means; the event says whose embeddings, and what they
    added."""
    world = World(tmp_path, Knowing())
    (event,) = world.fit()
    found = event.embeddings
    assert (found.model, found.revision, found.unread) == ("e5", "r5", 0)
    assert found.share > 0
    assert found.gain.lower > 0
    assert (found.gain.n, found.gain.clusters) == (60, 60)
    assert event.accuracy.value > 0.9
    router = making.load_router(world.store, event.router)
    assert (router.sense.model, router.sense.revision) == ("e5", "r5")
    assert len(router.reference) == 80
    assert world.fit() == [event]
    assert {text for batch in world.embedder.asked for text in batch} == TEXTS.keys()
    assert len(world.embedder.asked) == len([*_embedded(world)])


def test_embeddings_that_do_not_help_are_not_bought_for_the_other_items(tmp_path):
    """The router is that of n-grams, to the byte, and the event says that they added nothing."""
    world = World(tmp_path, Knowing(telling=False))
    (event,) = world.fit()
    assert event.embeddings.share == 0.0
    taught = {item.input for item in TEXTS.values() if item.split == "train"}
    assert {text for batch in world.embedder.asked for text in batch} == taught
    plain = making.fit_router(STEP, project=PROJECT, artifacts=world.store)
    assert event == replace(plain, embeddings=event.embeddings)


def test_a_project_that_names_no_model_buys_nothing(tmp_path):
    """And its event is what it always was."""
    world = World(tmp_path, Knowing(), replace(PROJECT, router_embedder=None))
    (event,) = world.fit()
    assert event == making.fit_router(STEP, project=PROJECT, artifacts=world.store)
    assert not world.embedder.asked


def test_a_message_that_the_model_refuses_is_one_that_the_router_abstains_on(tmp_path):
    """It teaches nothing, and in the evidence it goes to the incumbent, as it will in service."""
    train = next(text for text, item in TEXTS.items() if item.split == "train")
    search = next(text for text, item in TEXTS.items() if item.split == "search")
    world = World(tmp_path, Knowing(refused=(train, search)))
    (event,) = world.fit()
    assert event.embeddings.unread == 1
    assert {TEXTS[train].id, TEXTS[search].id} <= set(event.unsure)
    assert len(making.load_router(world.store, event.router).reference) == 79


def test_a_cap_leaves_the_router_unlearned(tmp_path):
    """Nothing is recorded but what was bought: the climb ends there, and goes on with more."""
    world = World(tmp_path, Knowing(), replace(PROJECT, budget=Budget(micro_dollars=100)))
    assert world.fit() == []
    assert [*_embedded(world)]


def test_a_model_that_is_away_is_an_error_to_the_climb(tmp_path):
    """Not so in service: but a router is to be learned as it is meant."""
    with pytest.raises(CallFailed):
        World(tmp_path, Knowing(failing=True)).fit()


def test_a_task_without_train_items_is_an_input_error(tmp_path):
    """As it is for a router of n-grams."""
    bare = playbook.project(
        *(playbook.task(name, items={"search": 8, "confirm": 8}) for name in "ab")
    )
    world = World(tmp_path, Knowing(), replace(bare, router_embedder=E5))
    with pytest.raises(InputError, match="no training items"):
        world.fit()


def _embedded(world):
    return (event for event in world.journal.events() if isinstance(event, Embedded))
