"""Comparing meanings: bought once, under the same caps, gone on with after a kill."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.steps import Call
from escalera.domain.event import Observed, Rescored
from escalera.domain.likeness import AWAITING, Likeness
from escalera.domain.message import Decoding
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.selection import Embedded
from escalera.domain.system import Prompt, System
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine.evaluation import Evaluator
from escalera.engine.meanings import Meanings
from escalera.engine.purse import Purse
from escalera.engine.reading import Reader
from escalera.errors import ProviderUnavailable, RequestRejected
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import WordVectors, retrieval
from escalera.testing.scripted import ScriptedProvider

PRICE = ModelPrice(prompt=10**6, completion=10**6)
LIKENESS = Likeness(scorer='semantic {"model":"e5"}', model="e5", weights="r5")
SYSTEM = System(model="base", revision="r1", prompt=Prompt(), decoding=Decoding(max_tokens=4))
OTHER = replace(SYSTEM, prompt=Prompt(system="Be brief."))


class Dear(WordVectors):
    """A thousand times the price, and perhaps nobody there or too long a text."""

    def __init__(self, *, gone_after=None, refused=None):
        super().__init__()
        self.gone_after, self.refused = gone_after, refused

    async def embed(self, texts):
        if self.gone_after is not None and len(self.asked) >= self.gone_after:
            raise ProviderUnavailable("gone", provider="e5")
        if self.refused in texts:
            raise RequestRejected("too long", provider="e5")
        return await super().embed(texts)


class World:
    """A task that embeddings score, with a model that is right for even items."""

    def __init__(self, folder, *, budget=None, likeness=LIKENESS, items=6):
        self.task = replace(playbook.task("a", items={"confirm": items}), scorer=likeness.scorer)
        self.project = replace(
            playbook.project(self.task, budget=budget or Budget(), price=PRICE),
            likenesses=(likeness,),
            readers=(BaseModel(name="e5", revision="r5", trainable=False, price=PRICE),),
        )
        self.journal, self.store = MemoryJournal(), FolderArtifacts(folder)
        self.base = ScriptedProvider(self.reply, price=PRICE)
        self.limit = None

    def reply(self, request):
        number = int(request.messages[-1].content.split()[-1])
        return {0: f"answer {number}", 1: f"no {number}", 2: ""}[number % 3]

    def run(self, *systems, embedder=None):
        """Ask and compare whatever the journal does not hold; the evidence at the end."""
        evidence = fold(self.journal.events())

        def record(events):
            if self.limit is not None and len(list(self.journal.events())) >= self.limit:
                raise KeyboardInterrupt
            self.journal.append(events)
            for event in events:
                evidence.apply(event)

        purse = Purse(Caps.of(self.project), evidence, record)
        shared = {"evidence": evidence, "record": record}
        reader = Reader(
            retrieval=retrieval(embedder),
            artifacts=self.store,
            purse=purse,
            progress=lambda *_: None,
            **shared,
        )
        calls = [
            Call(system=system, item=item)
            for system in systems or (SYSTEM,)
            for item in self.task.examples
        ]

        async def work():
            asking = Evaluator(
                project=self.project,
                provider=self.base,
                purse=purse,
                bought=self.journal.bought,
                progress=lambda *_: None,
                **shared,
            )
            await asking.perform(calls, purpose="confirm")
            meanings = Meanings(
                project=self.project,
                journal=self.journal,
                artifacts=self.store,
                reader=reader,
                **shared,
            )
            try:
                await meanings.perform(calls)
            finally:
                await reader.close()

        asyncio.run(work())
        return evidence

    def events(self, kind):
        return [event for event in self.journal.events() if isinstance(event, kind)]

    def scores(self, evidence, system=SYSTEM):
        return {
            item.id.rpartition("/")[2]: evidence.sample(system, item).score
            for item in self.task.examples
        }


def test_scores_are_cosines_and_every_text_is_bought_once(tmp_path):
    """An empty reply says nothing and scores 0 unread; equal texts of two systems are one."""
    world, embedder = World(tmp_path), WordVectors()
    evidence = world.run(embedder=embedder)
    found = world.scores(evidence)
    assert [found[n] for n in ("0", "3", "2", "5")] == [1.0, 1.0, 0.0, 0.0]
    assert found["1"] == found["4"] == 0.5  # "no 1" and "answer 1" share one word of two
    (batch,) = embedder.asked
    assert len(batch) == len({*batch}) == 6  # four targets, and two replies that are none of them
    assert evidence.spent.calls == 6 + 1
    assert evidence.spent.micro_dollars == sum(
        e.micro_dollars for kind in (Observed, Embedded) for e in world.events(kind)
    )
    world.run(OTHER, embedder=embedder)
    assert embedder.asked == [batch]


@pytest.mark.parametrize("more", [*range(4)])
def test_after_a_kill_nothing_is_bought_twice(tmp_path, more):
    """Wherever it happened: only what is not in the journal is asked for, and scores agree."""
    whole = World(tmp_path / "whole")
    expected = whole.scores(whole.run(embedder=WordVectors()))
    world, embedder = World(tmp_path / "killed"), WordVectors()
    world.limit = 6 + more
    with contextlib.suppress(KeyboardInterrupt):
        world.run(embedder=embedder)
    kept = {text for event in world.events(Embedded) for text in event.texts}
    world.limit, again = None, WordVectors()
    assert world.scores(world.run(embedder=again)) == expected
    assert len(kept) + sum(map(len, again.asked)) == 6
    assert len(world.base.requests) == 6
    assert len(world.events(Rescored)) == 4


def test_an_outage_leaves_the_answers_waiting(tmp_path):
    """They are unscored until the endpoint is back, and what was asked is not asked again."""
    world = World(tmp_path, items=90)
    with pytest.raises(ProviderUnavailable):
        world.run(embedder=Dear(gone_after=1))
    evidence = fold(world.journal.events())
    assert len(world.events(Embedded)) == 1
    waiting = [i for i in world.task.examples if evidence.awaits(SYSTEM, i)]
    assert len(waiting) == 60
    assert evidence.sample(SYSTEM, waiting[0]).reason == AWAITING
    assert not evidence.has(SYSTEM, waiting[0])
    evidence = world.run(embedder=WordVectors())
    assert None not in world.scores(evidence).values()
    assert len(world.base.requests) == 90


def test_a_text_that_the_endpoint_will_not_read_is_unscored(tmp_path):
    """With its words, and never as 0; the others have their scores."""
    world = World(tmp_path)
    evidence = world.run(embedder=Dear(refused="no 4"))
    found = world.scores(evidence)
    assert found.pop("4") is None
    assert None not in found.values()
    (reason,) = {e.reason for e in world.events(Rescored)} - {None}
    assert "too long" in reason
    world.run(embedder=Dear(gone_after=0))  # asks for nothing


@pytest.mark.parametrize(
    ("caps", "texts"),
    [({"calls": 12}, 0), ({"calls": 30}, 0), ({"tokens": 200}, 13), ({"micro_dollars": 200}, 13)],
)
def test_no_cap_is_exceeded_and_what_is_left_is_bought_later(tmp_path, caps, texts):
    """Answers and embeddings share the caps; a raised cap goes on where it ended."""
    world = World(tmp_path, budget=Budget(**caps), items=30)
    evidence = world.run(embedder=WordVectors())
    spent = evidence.spent
    assert spent.calls <= caps.get("calls", 10**9)
    assert spent.prompt_tokens + spent.completion_tokens <= caps.get("tokens", 10**9)
    assert spent.micro_dollars <= caps.get("micro_dollars", 10**9)
    bought = {text for event in world.events(Embedded) for text in event.texts}
    assert len(bought) == texts
    world.project = replace(world.project, budget=Budget())
    again = WordVectors()
    assert None not in world.scores(world.run(embedder=again)).values()
    assert len(bought) + sum(map(len, again.asked)) == 20 + 10
    assert len(world.base.requests) == 30


def test_another_version_reads_every_text_anew(tmp_path):
    """It says that the model has changed: nothing of the one before is used."""
    world = World(tmp_path)
    world.run(embedder=WordVectors())
    later, embedder = replace(LIKENESS, scorer='semantic {"v":"2"}', version="2"), WordVectors()
    again = World(tmp_path, likeness=later)
    again.journal = world.journal
    again.run(OTHER, embedder=embedder)
    assert sum(map(len, embedder.asked)) == 6
