"""Measuring named systems: what is missing is bought once, models side by side, caps shared."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.domain.message import Decoding
from escalera.domain.project import Budget, ModelPrice
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import measuring
from escalera.engine.measuring import Means, Wanted
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import ScriptedProvider

A, B = playbook.task("a", items={"confirm": 8}), playbook.task("b", items={"confirm": 8})
PROJECT = playbook.project(A, B)
PRICE = ModelPrice(prompt=10**6, completion=10**6)


def route(model):
    system = System(model=model, revision="r", prompt=Prompt(), decoding=Decoding(max_tokens=4))
    return Route(branches=tuple(Branch(task=name, system=system) for name in "ab"))


class World:
    """Two models behind scripted providers, one journal."""

    def __init__(self, **caps):
        self.journal = MemoryJournal()
        self.asked = {name: ScriptedProvider(lambda _: "answer 1", price=PRICE) for name in "xy"}
        self.budget = Budget(**caps)
        self.made = []

    def measure(self, wanted, *models):
        def provider(name):
            self.made.append(name)
            return self.asked[name]

        caps = Caps(budget=self.budget, prices=dict.fromkeys("xy", PRICE))
        evidence = fold(self.journal.events())
        means = Means(
            journal=self.journal,
            evidence=evidence,
            scoring=PureScoring,
            provider=provider,
            caps=caps,
            invalid=lambda *_: None,
            progress=lambda *_: None,
            artifacts=FolderArtifacts(Path("unused")),
            retrieval=retrieval(),
        )
        measuring.run(PROJECT, [route(model) for model in models], wanted, means)
        return evidence

    def calls(self):
        return {name: len(provider.requests) for name, provider in self.asked.items()}


ALL = Wanted(tasks=(A, B), split="confirm")


def test_only_what_is_missing_is_bought():
    """Fewer items first, then all: each is asked once, and a second time buys nothing."""
    world = World()
    world.measure(replace(ALL, limit=3), "x")
    assert world.calls() == {"x": 6, "y": 0}
    world.measure(ALL, "x", "y")
    assert world.calls() == {"x": 16, "y": 16}
    evidence = world.measure(ALL, "x", "y")
    assert world.calls() == {"x": 16, "y": 16}
    assert world.made == ["x", "x", "y"]
    assert evidence.spent.calls == 32


def test_the_split_the_tasks_and_the_repeats_that_are_wanted():
    """Nothing else is asked."""
    world = World()
    world.measure(Wanted(tasks=(B,), split="confirm", limit=2, repeats=3), "x")
    asked = [request.messages[-1].content for request in world.asked["x"].requests]
    assert sorted(asked) == sorted([item.input for item in B.items("confirm")[:2]] * 3)


def test_two_models_share_one_cap():
    """Both together keep to it, whichever is faster."""
    world = World(calls=10)
    evidence = world.measure(ALL, "x", "y")
    assert evidence.spent.calls == 10
    assert sum(world.calls().values()) == 10


def test_a_slow_model_holds_up_no_other():
    """The second is done while the first has not answered once."""
    world = World()
    release = asyncio.Event()
    answer = world.asked["x"].answer

    async def slow(requests):
        await release.wait()
        return await answer(requests)

    quick = world.asked["y"].answer
    seen = []

    async def watched(requests):
        found = await quick(requests)
        seen.append(len(world.asked["x"].requests))
        if len(world.asked["y"].requests) == 16:
            release.set()
        return found

    world.asked["x"].answer, world.asked["y"].answer = slow, watched
    world.measure(ALL, "x", "y")
    assert seen == [0] * 16
    assert world.calls() == {"x": 16, "y": 16}


def test_a_system_that_two_routes_share_is_asked_once():
    """And so is a route that is named twice; order and number are those of the first."""
    world = World()
    world.measure(ALL, "x", "y", "x")
    assert world.calls() == {"x": 16, "y": 16}
    wanted = [item.input for task in (A, B) for item in task.items("confirm")]
    assert [r.messages[-1].content for r in world.asked["x"].requests] == wanted
    mixed = Route(branches=(route("x").branches[0], route("y").branches[1]))
    evidence = fold([])
    means = Means(
        journal=MemoryJournal(),
        evidence=evidence,
        scoring=PureScoring,
        provider=world.asked.__getitem__,
        caps=Caps(budget=Budget(), prices=dict.fromkeys("xy", PRICE)),
        progress=lambda *_: None,
        artifacts=FolderArtifacts(Path("unused")),
        retrieval=retrieval(),
    )
    measuring.run(PROJECT, [route("x"), mixed, route("y")], ALL, means)
    assert world.calls() == {"x": 32, "y": 32}
    assert evidence.spent.calls == 32
