"""Performing another tool's search: all that it asks is bought once, from the same caps."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from escalera.domain.event import Duelled, Failed, Observed, Proposed, Stopped
from escalera.domain.optimiser import Optimiser, Rewritten, Written
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.engine import climb
from escalera.engine.observer import Quiet
from escalera.errors import ProviderUnavailable
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import Faults, ScriptedProvider

PRICE = ModelPrice(prompt=10**6, completion=10**6)
WRITER = BaseModel(name="writer", revision="w1", trainable=False, price=PRICE)
POLICY = replace(playbook.DECLARED, rungs=("prompt", "search"), operators=("instruction",))
TASK = playbook.task("a", bar=0.8, items={"train": 12, "search": 60, "confirm": 120})


class Tool:
    """Asks about the prompt, lets the writer write, asks about what it wrote, and proposes it."""

    def __init__(self):
        self.seen = []
        self.left = []
        self.rounds = 1

    def improve(self, prompt, items, ask, *, seed):
        self.left.append(ask.left())
        first = ask.answers(prompt, items[:10])
        texts = [ask.write(f"Improve: {prompt}") for _ in range(self.rounds)]
        second = ask.answers(texts[0], items[:10])
        self.seen.append((prompt, len(items), seed, first, texts, second))
        self.left.append(ask.left())
        return [texts[0], prompt]


class World:
    """A climb whose model needs a rule that the writer knows."""

    def __init__(self, budget=None, calls=200, faults=None):
        self.project = playbook.project(
            TASK, policy=POLICY, price=PRICE, budget=budget or Budget(), proposer=WRITER,
            optimiser=Optimiser(name="gepa", calls=calls),
        )  # fmt: skip
        self.journal = MemoryJournal()
        self.writer = ScriptedProvider(self.write, price=PRICE, faults=faults)
        self.base = ScriptedProvider(self.reply, price=PRICE)
        self.tool = Tool()

    def write(self, request):
        return f"Good rule. {request.decoding.seed}"

    def reply(self, request):
        number = int(re.search(r"message (\d+)", request.messages[-1].content).group(1))
        able = "Good rule." in request.messages[0].content
        return f"answer {number}" if able or number % 2 else "no idea"

    def run(self):
        ports = climb.Ports(
            journal=self.journal,
            artifacts=None,
            scoring=PureScoring(),
            clock=None,
            provider=lambda: self.base,
            trainer=None,
            merger=None,
            other={"writer": self.writer}.__getitem__,
            retrieval=retrieval(),
            optimiser={"gepa": self.tool}.__getitem__,
        )
        return climb.run(self.project, ports=ports, observer=Quiet(), version="1")

    def events(self, kind):
        return [event for event in self.journal.events() if isinstance(event, kind)]


def test_what_it_proposes_is_tried_and_confirmed_like_anything_that_is_written():
    """Whatever it says of it: a duel, then fresh items."""
    world = World()
    evidence = world.run()
    (stopped,) = world.events(Stopped)
    assert (stopped.reason, stopped.rung) == ("adequate", "search")
    assert evidence.nominee("search").system("a").prompt.system == "Good rule. 0"
    (rewritten,), (duel,) = world.events(Rewritten), world.events(Duelled)
    assert rewritten.rewrites == ("Good rule. 0",)
    assert duel.accepted
    assert [look for look in evidence.looks if look.question.kind == "improvement"][-1].passed


def test_it_sees_the_prompt_the_items_that_are_no_duels_and_what_was_said():
    """In the task's own words, with scores."""
    world = World()
    world.run()
    ((prompt, count, seed, first, texts, second),) = world.tool.seen
    assert "Answer a." in prompt
    assert (count, seed) == (40, world.project.policy.seed)
    assert {one.score for one in first} == {0.0, 1.0}
    assert {one.said for one in first if one.score == 0.0} == {"no idea"}
    assert {one.score for one in second} == {1.0}
    assert texts == ["Good rule. 0"]
    assert world.tool.left == [200, 200 - 10 - 10 - 1]


def test_its_prompts_are_in_the_journal_with_their_parent():
    """Before they are asked anything."""
    world = World()
    world.run()
    made = [entry for entry in world.events(Proposed) if entry.operator == "gepa"]
    (rewritten,) = world.events(Rewritten)
    assert [entry.system.prompt.system for entry in made] == ["Good rule. 0"]
    assert {(entry.purpose, entry.parent) for entry in made} == {("screen", rewritten.parent)}


def test_the_same_message_again_is_another_sample():
    """Each is bought, and each has its own seed."""
    world = World()
    world.tool.rounds = 3
    world.run()
    assert world.tool.seen[0][4] == ["Good rule. 0", "Good rule. 1", "Good rule. 2"]
    assert len(world.events(Written)) == len(world.writer.requests) == 3


def test_a_search_that_was_cut_off_anywhere_buys_nothing_twice():
    """It runs anew; what was answered is found again, and the journal ends the same."""
    whole = World()
    whole.run()
    events = list(whole.journal.events())
    began = next(n for n, e in enumerate(events) if getattr(e, "operator", "") == "gepa")
    ended = next(n for n, e in enumerate(events) if isinstance(e, Rewritten))
    for at in (*range(began - 8, ended + 2, 3),):
        world = World()
        world.journal.append(events[:at])
        world.run()
        assert list(world.journal.events()) == events
        asked = len(world.base.requests) + len(world.writer.requests)
        assert asked == sum(isinstance(e, (Observed, Written)) for e in events[at:])


def test_an_endpoint_that_is_away_ends_the_climb_and_no_search():
    """It is taken up when the endpoint is back."""
    world = World(faults=Faults(first=1))
    with pytest.raises(ProviderUnavailable):
        world.run()
    assert world.events(Failed)
    assert not world.events(Rewritten)
    world.run()
    assert world.events(Rewritten)[0].rewrites == ("Good rule. 0",)


def test_a_tool_that_does_not_stop_is_stopped():
    """A quarter beyond its calls; what it would have proposed is lost."""
    world = World(calls=100)

    def endless(prompt, items, ask, *, seed):
        for n in range(10_000):
            ask.answers(f"{prompt} {n}", items)
        raise AssertionError("nobody stopped it")

    world.tool.improve = endless
    world.run()
    (rewritten,) = world.events(Rewritten)
    assert rewritten.rewrites == ()
    tried = {e.system.digest for e in world.events(Proposed) if e.operator == "gepa"}
    assert sum(e.system in tried for e in world.events(Observed)) == 120


def test_what_two_threads_ask_at_a_time_is_bought_once():
    """A tool may lose patience with an answer and ask again."""
    world = World()

    def twice(prompt, items, ask, *, seed):
        with ThreadPoolExecutor(8) as threads:
            each = [*threads.map(lambda _: ask.answers("Good rule.", items[:9]), range(8))]
        assert each == each[:1] * 8
        return ["Good rule."]

    world.tool.improve = twice
    world.run()
    bought = Counter((event.system, event.item, event.repeat) for event in world.events(Observed))
    assert set(bought.values()) == {1}
    assert len(world.base.requests) == len(bought)


@pytest.mark.parametrize("swallowed", [True, False])
def test_no_cap_is_broken_whatever_the_tool_does_with_its_errors(swallowed):
    """Worst cases are set aside for it as for everybody."""
    free = World()
    free.run()
    before = next(n for n, e in enumerate(free.journal.events()) if isinstance(e, Written))
    paid = sum(isinstance(e, Observed) for e in [*free.journal.events()][:before])
    world = World(budget=Budget(calls=paid + 105), calls=100)

    def greedy(prompt, items, ask, *, seed):
        for n in range(6):
            try:
                ask.answers(f"{prompt} {n}", items)
            except Exception:
                if not swallowed:
                    raise
        return [f"{prompt} 0"]

    world.tool.improve = greedy
    evidence = world.run()
    assert evidence.spent.calls <= paid + 105
    (stopped,) = world.events(Stopped)
    assert stopped.reason == "budget"


def test_gepa_itself_climbs_and_is_taken_up():
    """The whole way: its questions are bought once, however often it is cut off."""
    if importlib.util.find_spec("gepa") is None:
        pytest.skip("needs gepa: pip install -e '.[gepa]'")
    from escalera.edges.optimisers.gepa import Gepa

    def world(events=()):
        made = World(calls=150)
        made.tool = Gepa()
        made.writer = ScriptedProvider(lambda _: "```\nGood rule.\n```", price=PRICE)
        made.journal.append(events)
        return made

    whole = world()
    evidence = whole.run()
    assert evidence.nominee("search").system("a").prompt.system == "Good rule."
    events = list(whole.journal.events())
    written = next(n for n, event in enumerate(events) if isinstance(event, Written))
    for at in (written - 1, written, written + 1, written + 30):
        again = world(events[:at])
        again.run()
        assert list(again.journal.events()) == events
