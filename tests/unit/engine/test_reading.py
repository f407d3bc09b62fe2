"""Texts that are read: bought once, in batches, never beyond a cap, and found again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.domain.event import Reserved
from escalera.domain.identity import digest_of
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.selection import Embedded
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine.purse import Purse
from escalera.engine.reading import BATCH, Kept, Reader
from escalera.errors import (
    AccessRefused,
    CallFailed,
    EvidenceMissing,
    ProviderUnavailable,
    RequestRejected,
)
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import WordVectors, retrieval, vector

E5 = BaseModel(
    name="e5", revision="r5", trainable=False, price=ModelPrice(prompt=1_000_000, completion=0)
)
PROJECT = replace(playbook.project(playbook.task("a")), embedder=E5)
TEXTS = {digest_of(text): text for text in (f"text number {n}" for n in range(150))}
FIRST = next(iter(TEXTS.values()))


class Failing(WordVectors):
    """An embedder with a script: the errors of the first calls, and of texts."""

    def __init__(self, *, first=(), **of):
        super().__init__()
        self.first, self.calls = list(first), 0
        self.of = {name.replace("_", " "): error for name, error in of.items()}

    async def embed(self, texts):
        self.calls += 1
        if self.first:
            error = self.first.pop(0)
            if error is not None:
                raise error
        for text in texts:
            if text in self.of:
                raise self.of[text]
        return await super().embed(texts)


class World:
    """A journal and a store, which outlive a run."""

    def __init__(self, folder, **caps):
        self.journal, self.store = MemoryJournal(), FolderArtifacts(folder)
        self.project = replace(PROJECT, budget=Budget(**caps))

    def read(self, texts=TEXTS, *, embedder=None, revision="r5"):
        """What the reader said, and the evidence."""
        evidence = fold(self.journal.events())

        def record(events):
            self.journal.append(events)
            for event in events:
                evidence.apply(event)

        reader = Reader(
            evidence=evidence,
            retrieval=retrieval(embedder),
            artifacts=self.store,
            purse=Purse(Caps.of(self.project), evidence, record),
            record=record,
            progress=lambda *_: None,
        )

        async def work():
            try:
                return await reader.read("e5", revision, texts)
            finally:
                await reader.close()

        return asyncio.run(work()), evidence

    def events(self, kind):
        return [event for event in self.journal.events() if isinstance(event, kind)]


def test_every_text_is_read_once(tmp_path):
    """In batches that are calls; a second run buys nothing, and opens nothing."""
    world, embedder, idle = World(tmp_path), WordVectors(), WordVectors()
    read, evidence = world.read(embedder=embedder)
    assert (read.ended, read.refused) == (False, {})
    assert [len(batch) for batch in embedder.asked] == [BATCH, BATCH, 150 - 2 * BATCH]
    assert (evidence.spent.calls, evidence.spent.micro_dollars) == (3, 3 * 150)
    assert embedder.closed == 1
    world.read(embedder=idle)
    assert (idle.asked, idle.closed) == ([], 0)
    world.read(embedder=idle, revision="another")
    assert sum(map(len, idle.asked)) == 150


def test_what_was_bought_is_found(tmp_path):
    """The vector of every text, of length one; an error where there is none."""
    world = World(tmp_path)
    _, evidence = world.read()
    kept = Kept(world.store, evidence.embedded)
    for digest, text in TEXTS.items():
        expected = np.array(vector(text)) / np.linalg.norm(vector(text))
        assert kept.vector("r5", digest) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(EvidenceMissing, match="not in the journal"):
        kept.vector("another", digest)


@pytest.mark.parametrize("lives", [0, 1, 2])
def test_what_was_bought_before_an_outage_is_used_after_it(tmp_path, lives):
    """Batches have the same composition whether or not there was one."""
    world, again, whole = World(tmp_path / "a"), WordVectors(), WordVectors()
    gone = ProviderUnavailable("gone", provider="e5")
    with pytest.raises(ProviderUnavailable):
        world.read(embedder=Failing(first=[None] * lives + [gone] * 9))
    assert len(world.events(Embedded)) == lives
    world.read(embedder=again)
    World(tmp_path / "b").read(embedder=whole)
    assert again.asked == whole.asked[lives:]


@pytest.mark.parametrize("caps", [{"calls": 2}, {"micro_dollars": 400}, {"tokens": 400}])
def test_no_cap_is_exceeded(tmp_path, caps):
    """The worst case is a token per byte; it is in the journal before the first call."""
    world = World(tmp_path, **caps)
    read, evidence = world.read()
    assert read.ended
    spent = evidence.spent
    assert spent.calls <= caps.get("calls", 150)
    assert spent.micro_dollars <= caps.get("micro_dollars", 10**9)
    assert spent.prompt_tokens <= caps.get("tokens", 10**9)
    assert world.events(Embedded)
    first, *_, last = [e for e in world.journal.events() if isinstance(e, (Reserved, Embedded))]
    assert isinstance(first, Reserved)
    assert (last.calls, last.tokens, last.micro_dollars) == (0, 0, 0)
    assert world.read()[0].ended
    assert world.read()[1].spent == spent


@pytest.mark.parametrize("error", [RequestRejected, CallFailed])
def test_a_text_that_cannot_be_read_holds_up_no_other(tmp_path, error):
    """It is found by halves and told; all others are read."""
    world = World(tmp_path)
    bad = {"text_number_0", "text_number_77"}
    failing = Failing(**{name: error("too long", provider="e5") for name in bad})
    read, evidence = world.read(embedder=failing)
    assert not read.ended
    assert {TEXTS[digest] for digest in read.refused} == {"text number 0", "text number 77"}
    assert len(evidence.embedded) == 148
    assert failing.calls < 40


def test_an_endpoint_that_fails_at_everything_is_told(tmp_path):
    """Nothing is given up for a fault that is none of the texts'."""
    failed = CallFailed("status 500", provider="e5")
    failing = Failing(first=[failed] * 999)
    with pytest.raises(CallFailed):
        World(tmp_path / "many").read(embedder=failing)
    assert failing.calls < 15
    one = {digest_of(FIRST): FIRST}
    with pytest.raises(CallFailed):
        World(tmp_path / "one").read(one, embedder=Failing(first=[failed] * 9))
    wrong = AccessRefused("no such model", provider="e5")
    with pytest.raises(AccessRefused):
        World(tmp_path / "key").read(embedder=Failing(first=[wrong] * 9))
