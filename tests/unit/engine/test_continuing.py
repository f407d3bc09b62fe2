"""Comparisons that may be read at any time: batches, clusters, resuming, and the account."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.accounting import account
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.case import Case
from escalera.domain.dataset import Examples
from escalera.domain.event import Looked, Observed
from escalera.domain.message import Decoding
from escalera.domain.project import Budget
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import continuing
from escalera.engine.continuing import Pair
from escalera.engine.measuring import Means
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.playbook import DECLARED, luck
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import ScriptedProvider

N, SIZE = 200, 4
MODES = pytest.mark.parametrize("mode", ["anytime", "finite"])


def clustered(task):
    """Items of a task in clusters of four."""
    return replace(
        task,
        examples=Examples(
            replace(item, cluster=f"{task.name}{int(item.id.rpartition('/')[2]) // SIZE}")
            for item in task.examples
        ),
    )


A = clustered(playbook.task("a", items={"confirm": N}))
B = playbook.task("b", items={"confirm": N})
PROJECT = playbook.project(A, B, policy=DECLARED)
BY_TEXT = {item.input: item for task in (A, B) for item in task.examples}


def system(model):
    return System(model=model, revision="r", prompt=Prompt(), decoding=Decoding(max_tokens=4))


def route(a, b):
    return Route(branches=(Branch(task="a", system=system(a)), Branch(task="b", system=system(b))))


OLD = route("good", "good")


class World:
    """Models that are right at a rate, one journal, and a budget."""

    def __init__(self, journal=None, **caps):
        self.journal = journal or MemoryJournal()
        self.asked = {
            name: ScriptedProvider(self.at(rate))
            for name, rate in {"good": 0.95, "same": 0.95, "poor": 0.05, "near": 0.87}.items()
        }
        self.caps = Caps(budget=Budget(**caps), prices=dict.fromkeys(self.asked))

    @staticmethod
    def at(rate):
        def answer(request):
            item = BY_TEXT[request.messages[-1].content]
            return item.target if luck(item) < rate else "no"

        return answer

    def compare(self, candidate, *, mode, buy=True):
        means = Means(
            journal=self.journal,
            evidence=fold(self.journal.events()),
            scoring=PureScoring,
            provider=self.asked.__getitem__,
            caps=self.caps,
            progress=lambda *_: None,
            artifacts=FolderArtifacts(Path("unused")),
            retrieval=retrieval(),
        )
        pair = Pair(candidate=candidate, incumbent=OLD, mode=mode)
        return continuing.run(PROJECT, pair, means, buy=buy)

    def calls(self):
        return sum(len(provider.requests) for provider in self.asked.values())

    def looks(self):
        return [event for event in self.journal.events() if isinstance(event, Looked)]


@MODES
def test_it_stops_with_the_batch_that_settles_a_task(mode):
    """A large fall is seen with less than half of the items; a close race takes more."""
    world = World()
    found = world.compare(route("poor", "near"), mode=mode)
    fallen, close = found.tasks
    assert fallen.gate == "regressed"
    assert fallen.difference.n < N // 2 < close.difference.n
    assert dict(found.shares)["a"] == fallen.difference.n / N
    assert world.calls() == 2 * (fallen.difference.n + close.difference.n)
    assert found.open == ()


def test_only_whole_clusters_count_in_the_order_of_their_names():
    """The items that were asked are the beginning of that order, cluster by cluster."""
    world = World()
    found = world.compare(route("poor", "poor"), mode="anytime").tasks[0].difference
    assert found.n == SIZE * found.clusters
    asked = {event.item for event in world.journal.events() if isinstance(event, Observed)}
    order = [item.id for item in A.items("confirm").in_clusters(seed=PROJECT.policy.seed)]
    assert {name for name in asked if name.startswith("a/")} == set(order[: found.n])


def test_about_this_data_set_items_enter_in_the_order_of_the_project():
    """The order is over items: clusters are cut."""
    world = World()
    found = world.compare(route("poor", "poor"), mode="finite").tasks[0]
    asked = {event.item for event in world.journal.events() if isinstance(event, Observed)}
    order = [item.id for item in A.items("confirm")]
    assert {name for name in asked if name.startswith("a/")} == set(order[: found.difference.n])
    assert found.population == N


@MODES
def test_a_comparison_goes_on_where_it_was(mode):
    """Cut off after any number of events it ends in the same verdicts, and asks nothing twice.

    What was answered when it was cut off is read first, so it may end before the batch does.
    """
    world = World()
    whole = world.compare(route("poor", "near"), mode=mode)
    events, calls = list(world.journal.events()), world.calls()
    for cut in range(0, len(events) + 1, 97):
        resumed = World(MemoryJournal(events[:cut]))
        found = resumed.compare(route("poor", "near"), mode=mode)
        assert [row.gate for row in found.tasks] == [row.gate for row in whole.tasks]
        for row, same in zip(found.tasks, whole.tasks, strict=True):
            assert row.difference.n == same.difference.n or row.gate != "undecided"
            assert row.difference.n <= same.difference.n
        bought = sum(isinstance(event, Observed) for event in events[:cut])
        assert resumed.calls() <= calls - bought
        assert len(resumed.looks()) == len(world.looks()) == 2


@MODES
def test_reading_buys_nothing_and_says_the_same(mode):
    """A replay of the journal, read without --buy, reaches the same rows and records nothing."""
    world = World()
    bought = world.compare(route("poor", "near"), mode=mode)
    again = World(MemoryJournal(world.journal.events()))
    read = again.compare(route("poor", "near"), mode=mode, buy=False)
    assert (read.tasks, read.shares, again.calls()) == (bought.tasks, bought.shares, 0)
    assert len(again.looks()) == len(world.looks())


@MODES
def test_a_reading_on_the_way_is_recorded_and_charged_once(mode):
    """Read after every few events, the account holds one question per task, at its alpha."""
    world = World()
    world.compare(route("same", "near"), mode=mode)
    answers = [event for event in world.journal.events() if isinstance(event, Observed)]
    journal = MemoryJournal()
    for start in range(0, len(answers), 41):
        journal.append(answers[start : start + 41])
        World(journal).compare(route("same", "near"), mode=mode, buy=False)
    looks = [event for event in journal.events() if isinstance(event, Looked)]
    assert {look.question.mode for look in looks} == {mode}
    for task in "ab":
        mine = [look for look in looks if look.question.task == task]
        assert [look.look for look in mine] == list(range(1, len(mine) + 1))
        assert mine[-1].settled
        assert len(mine) <= 3
    found = account(Case(project=PROJECT, evidence=fold(journal.events())))
    assert (found.questions, found.at_risk) == (2, PROJECT.policy.alpha / 2)


def test_what_lies_behind_a_gap_does_not_count():
    """Items that were bought out of order wait until all before them are there."""
    world = World()
    world.compare(route("same", "same"), mode="anytime")
    order = [item.id for item in A.items("confirm").in_clusters(seed=PROJECT.policy.seed)]
    events = [
        event
        for event in world.journal.events()
        if isinstance(event, Observed) and event.item != order[9]
    ]
    found = World(MemoryJournal(events)).compare(route("same", "same"), mode="anytime", buy=False)
    assert found.tasks[0].difference.n == 8


def test_nothing_read_is_nothing_recorded():
    """Without an answer there is neither a row nor a look."""
    world = World()
    found = world.compare(route("same", "near"), mode="anytime", buy=False)
    assert (found.tasks, found.open, world.looks()) == ((), (), [])


@MODES
def test_a_cap_leaves_its_task_open(mode):
    """What was read until then is a row and is recorded, and nothing more is asked."""
    world = World(calls=100)
    found = world.compare(route("same", "near"), mode=mode)
    assert found.open
    assert world.calls() <= 100
    assert {row.gate for row in found.tasks} <= {"undecided", "passed"}
    assert len(world.looks()) == len(found.tasks)


def test_modes_are_questions_of_their_own():
    """Both may be wrong, so both are charged; the answers are shared."""
    world = World()
    world.compare(route("poor", "poor"), mode="anytime")
    calls = world.calls()
    world.compare(route("poor", "poor"), mode="finite")
    assert world.calls() < 2 * calls
    found = account(Case(project=PROJECT, evidence=fold(world.journal.events())))
    assert (found.questions, found.at_risk) == (4, PROJECT.policy.alpha)
