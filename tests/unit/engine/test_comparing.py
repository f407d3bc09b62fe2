"""Comparisons that buy: looks in order, recorded, resumed, and no further than needed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from escalera.core.evaluation import compare, missing
from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.domain.dataset import Examples
from escalera.domain.event import Looked
from escalera.domain.message import Decoding
from escalera.domain.project import Budget
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.edges.artifacts import FolderArtifacts
from escalera.edges.journal import rows
from escalera.engine import comparing
from escalera.engine.measuring import Means
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.playbook import DECLARED, luck
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import ScriptedProvider

N = 200
A, B = (playbook.task(name, items={"confirm": N}) for name in "ab")
POLICY = replace(DECLARED, looks=(0.25, 0.5, 1.0))
PROJECT = playbook.project(A, B, policy=POLICY)
OF_CUSTOMERS = playbook.project(
    replace(
        A,
        margin=0.0915,
        examples=Examples(
            replace(item, cluster=f"c{n % 20}")
            for n, item in enumerate(sorted(A.examples, key=luck))
        ),
    ),
    policy=replace(POLICY, looks=(1.0,)),
)
BY_TEXT = {item.input: item for task in (A, B) for item in task.examples}


def system(model):
    return System(model=model, revision="r", prompt=Prompt(), decoding=Decoding(max_tokens=4))


def route(a, b):
    return Route(branches=(Branch(task="a", system=system(a)), Branch(task="b", system=system(b))))


class World:
    """Models that are right at a rate, one journal, and a budget."""

    def __init__(self, journal=None, **caps):
        self.journal = journal or MemoryJournal()
        self.asked = {
            name: ScriptedProvider(self.at(rate))
            for name, rate in {"good": 0.95, "same": 0.95, "poor": 0.05, "near": 0.9}.items()
        }
        self.caps = Caps(budget=Budget(**caps), prices=dict.fromkeys(self.asked))

    @staticmethod
    def at(rate):
        def answer(request):
            item = BY_TEXT[request.messages[-1].content]
            return item.target if luck(item) < rate else "no"

        return answer

    def compare(self, candidate, incumbent, project=PROJECT):
        means = Means(
            journal=self.journal,
            evidence=fold(self.journal.events()),
            scoring=PureScoring,
            provider=self.asked.__getitem__,
            caps=self.caps,
            invalid=lambda *_: None,
            progress=lambda *_: None,
            artifacts=FolderArtifacts(Path("unused")),
            retrieval=retrieval(),
        )
        return comparing.run(project, project.tasks, candidate, incumbent, means)

    def calls(self):
        return sum(len(provider.requests) for provider in self.asked.values())

    def looks(self):
        return [event for event in self.journal.events() if isinstance(event, Looked)]


def test_each_task_ends_at_the_look_that_settles_it():
    """A large fall is seen with a quarter of the items, a close race takes more."""
    found = World().compare(route("poor", "near"), route("good", "good"))
    fallen, close = found.tasks
    assert (fallen.gate, fallen.difference.n) == ("regressed", N // 4)
    assert close.difference.n > N // 4
    assert dict(found.shares) == {"a": 0.25, "b": close.difference.n / N}
    assert found.open == ()


def test_the_intervals_are_those_of_the_looks():
    """The row of a task is what its last look recorded."""
    world = World()
    found = world.compare(route("poor", "near"), route("good", "good"))
    last = {look.question.task: look for look in world.looks()}
    for row in found.tasks:
        figure = last[row.task].figure
        assert (row.difference.lower, row.difference.upper) == (figure.lower, figure.upper)
        assert row.verdict == last[row.task].verdict
        assert (row.gate == "passed") == last[row.task].passed
        assert row.p_value is None
        assert last[row.task].question.alpha == PROJECT.policy.alpha / 2


def test_a_comparison_goes_on_where_it_was():
    """Cut off after any number of events it buys only the rest, and ends in the same rows."""
    world = World()
    whole = world.compare(route("poor", "same"), route("good", "good"))
    events, calls = list(world.journal.events()), world.calls()
    for cut in range(0, len(events) + 1, 23):
        resumed = World(MemoryJournal(events[:cut]))
        assert resumed.compare(route("poor", "same"), route("good", "good")) == whole
        bought = sum(type(event).__name__ == "Observed" for event in events[:cut])
        assert resumed.calls() == calls - bought
        assert len(resumed.looks()) == len(world.looks())


def test_what_was_read_under_an_earlier_rule_is_shown_by_it():
    """A journal from before looks named their rule gives the rows that it recorded."""
    world = World()
    world.compare(route("near", "near"), route("same", "same"), OF_CUSTOMERS)
    evidence = fold(world.journal.events())
    items = OF_CUSTOMERS.tasks[0].items("confirm")
    sample = compare.gather(evidence, items, route("near", "near"), route("same", "same"))
    sample = replace(sample, pairing="held effect")
    (first,) = (look for look in world.looks())
    earlier = compare.look(first.question, sample, [], OF_CUSTOMERS.policy)
    assert earlier.figure.lower < first.figure.lower
    others = [event for event in world.journal.events() if event != first]
    assert "pairing" not in json.loads(rows.encode(earlier)[1])
    again = World(MemoryJournal([*others, rows.decode("looked", 1, rows.encode(earlier)[1], at=1)]))
    (shown,) = again.compare(route("near", "near"), route("same", "same"), OF_CUSTOMERS).tasks
    assert shown.difference == earlier.figure
    assert (shown.gate == "passed") is earlier.passed is False
    assert first.passed
    assert len(again.looks()) == 1


def test_what_is_missing_is_reckoned_with_what_looks_spend():
    """Items that an open gate needs: at nine tenths of its alpha, as the looks themselves are."""
    one, other = route("near", "same"), route("good", "good")
    tight = replace(A, margin=0.06)
    world = World()
    found = world.compare(one, other, playbook.project(tight, B, policy=POLICY))
    ((name, needed),) = found.missing
    assert name == "a"
    evidence = fold(world.journal.events())
    sample = compare.gather(evidence, tight.items("confirm"), one, other)
    alpha = PROJECT.policy.alpha / 2
    assert needed == missing.items(sample, margin=tight.margin, alpha=0.9 * alpha)
    assert needed > missing.items(sample, margin=tight.margin, alpha=alpha)


def test_what_is_missing_is_reckoned_with_what_the_interval_leaves_open(monkeypatch):
    """How far the last look's interval goes below what was seen is told to the estimate."""
    told = []
    monkeypatch.setattr(missing, "items", lambda sample, **given: told.append(given) or 7)
    tight = replace(A, margin=0.06)
    project = playbook.project(tight, B, policy=POLICY)
    found = World().compare(route("near", "same"), route("good", "good"), project)
    seen = next(row.difference for row in found.tasks if row.task == "a")
    assert found.missing == (("a", 7),)
    assert told[0]["reach"] == seen.value - seen.lower > 0


def test_a_cap_leaves_its_task_open():
    """What could not be asked is not decided; what was settled before stands."""
    world = World(calls=2 * 2 * N // 4)
    found = world.compare(route("poor", "near"), route("good", "good"))
    assert found.tasks[0].gate == "regressed"
    assert found.tasks[1].gate == "undecided"
    assert found.open == ("b",)
    assert fold(world.journal.events()).spent.calls <= N
    assert found.unread == ()
    none = World(calls=3).compare(route("poor", "near"), route("good", "good"))
    assert none.tasks == ()
    assert none.open == none.unread == ("a", "b")
