"""Performing a rewrite: one call to the proposer, from the same caps, with the real mistakes."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext
from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.steps import Call, Rewrite
from escalera.core.prompts import rewriting
from escalera.core.prompts.rewriting import Tried
from escalera.domain.event import Drafted, Observed, Reserved
from escalera.domain.message import Decoding
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.system import Prompt, System
from escalera.engine import climb
from escalera.engine import rewriting as performing
from escalera.engine.observer import Quiet
from escalera.engine.purse import Purse
from escalera.errors import ProviderUnavailable
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import Faults, ScriptedProvider

PRICE = ModelPrice(prompt=10**6, completion=10**6)
A = playbook.task("a")
WRITER = BaseModel(name="writer", revision="w1", trainable=False, price=PRICE)
PROJECT = playbook.project(A, proposer=WRITER, price=PRICE)
PARENT = System(
    model="base",
    revision="r1",
    prompt=Prompt(system="Sort.", marker="Answer:"),
    decoding=Decoding(max_tokens=8),
)
ITEMS = A.items("search")[:2]
STEP = Rewrite(
    task="a",
    round=2,
    parent=PARENT,
    mistakes=tuple(Call(system=PARENT, item=item) for item in ITEMS),
    tried=(Tried(edit="Be kind.", effect=-0.1),),
    longest=rewriting.longest(PARENT.prompt, ITEMS, (Tried(edit="Be kind.", effect=-0.1),)),
)


def draft(provider):
    """Perform the step after the parent answered; what was asked comes along."""
    seen = [
        replace(playbook.observed(PROJECT, call, 0.0), reply=f"Hm. Answer: wrong {place}")
        for place, call in enumerate(STEP.mistakes)
    ]
    journal = MemoryJournal()
    journal.append(seen)
    purse = Purse(Caps.of(PROJECT), fold(seen), journal.append)
    return asyncio.run(
        performing.draft(STEP, WRITER, provider=provider, purse=purse, journal=journal)
    )


def test_the_proposer_is_told_what_was_said_and_what_was_expected():
    """The part of a reply that was scored, from the journal."""
    asked = []

    def answer(request):
        asked.append(request)
        return '["Look twice."]'

    found = draft(ScriptedProvider(answer, price=PRICE))
    (request,) = asked
    system, message = request.messages
    assert system.content == rewriting.SYSTEM
    for item, place in zip(ITEMS, range(2), strict=True):
        assert f"message: {item.input}\n   expected: {item.target}" in message.content
        assert f"answered: wrong {place}\n" in message.content
    assert "(-0.10) Be kind." in message.content
    assert request.decoding == Decoding(max_tokens=rewriting.MOST_TOKENS)
    assert (found.edits, found.task, found.round) == (("Look twice.",), "a", 2)
    assert (found.parent, found.model) == (PARENT.digest, "writer")
    assert found.micro_dollars > 0


def test_what_is_sent_keeps_to_the_bound_that_the_planner_reserved():
    """In bytes, so that no cap is broken by a long reply."""
    sent = []

    def answer(request):
        sent.append(sum(len(turn.content.encode()) for turn in request.messages))
        return "[]"

    assert draft(ScriptedProvider(answer)).edits == ()
    assert 0 < sent[0] <= STEP.longest


def test_a_proposer_that_is_not_there_is_an_error_and_no_empty_round():
    """An outage never ends a search."""
    faults = Faults(first=1)
    with pytest.raises(ProviderUnavailable):
        draft(ScriptedProvider(lambda _: "[]", faults=faults))


class Searched:
    """A climb whose model needs a rule that a writer knows, over one journal."""

    def __init__(self, budget=None):
        items = {"train": 12, "search": 60, "confirm": 120}
        policy = replace(playbook.DECLARED, rungs=("prompt", "search"))
        task = playbook.task("a", bar=0.8, items=items)
        self.project = playbook.project(
            task, policy=policy, proposer=WRITER, price=PRICE, budget=budget or Budget()
        )
        self.journal = MemoryJournal()
        self.writer = ScriptedProvider(lambda _: '["Vain rule.", "Good rule."]', price=PRICE)
        self.base = ScriptedProvider(self.reply, price=PRICE)

    def reply(self, request):
        number = int(re.search(r"message (\d+)", request.messages[-1].content).group(1))
        able = "Good rule." in request.messages[0].content
        return f"answer {number}" if able or number % 2 else "no idea"

    def ports(self):
        return climb.Ports(
            journal=self.journal,
            artifacts=None,
            scoring=PureScoring(),
            clock=None,
            provider=lambda: self.base,
            trainer=None,
            merger=None,
            other={"writer": self.writer}.__getitem__,
            retrieval=retrieval(),
        )

    def run(self):
        return climb.run(self.project, ports=self.ports(), observer=Quiet(), version="1")


def test_a_climb_finds_the_rule_that_the_writer_knows():
    """Asked once, screened, held in a duel, confirmed, and the writer is closed."""
    world = Searched()
    evidence = world.run()
    (stopped,) = evidence.stopped
    assert (stopped.reason, stopped.rung) == ("adequate", "search")
    said = evidence.nominee("search").system("a").prompt.system
    assert "Good rule." in said
    assert "Vain rule." not in said
    assert len(world.writer.requests) == 1
    assert world.writer.closed == world.base.closed == 1
    (asked,) = evidence.drafted.values()
    bought = sum(event.micro_dollars for event in world.journal.events() if _paid(event))
    assert evidence.spent.micro_dollars == bought >= asked.micro_dollars > 0


def _paid(event):
    return isinstance(event, (Observed, Drafted))


def test_a_search_that_was_killed_asks_nothing_twice():
    """Whatever was the last event that the disk holds."""
    whole = Searched()
    whole.run()
    events = list(whole.journal.events())
    for at in range(1, len(events), 211):
        world = Searched()
        world.journal.append(events[:at])
        world.run()
        assert list(world.journal.events()) == events
        known = sum(isinstance(event, Drafted) for event in events[:at])
        assert len(world.writer.requests) == 1 - known


@pytest.mark.parametrize("killed", [True, False])
def test_under_a_cap_the_journal_knows_of_the_rewrite_before_it_is_asked(killed):
    """What a crash cuts off stays counted; a draft that came is counted by its price alone."""
    world = Searched(Budget(micro_dollars=10**9))
    answer = world.writer.answer
    held = []

    async def asked(requests):
        held.append([*world.journal.events()][-1])
        if killed:
            raise KeyboardInterrupt
        return await answer(requests)

    world.writer.answer = asked
    with pytest.raises(KeyboardInterrupt) if killed else nullcontext():
        world.run()
    (before,) = held
    assert isinstance(before, Reserved)
    assert (before.calls, before.micro_dollars > 0) == (1, True)
    events = [*world.journal.events()]
    if killed:
        assert fold(events).spent.reserved == before
    else:
        after = next(n for n, event in enumerate(events) if isinstance(event, Drafted)) + 1
        assert events[after] == Reserved(calls=0, tokens=0, micro_dollars=0)
