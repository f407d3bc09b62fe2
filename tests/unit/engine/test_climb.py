"""The climb: the planner's steps, performed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from escalera.apps.report import document
from escalera.core.evaluation.judge import WORDING
from escalera.core.evidence import fold
from escalera.core.ladder.caps import Left
from escalera.domain.event import Decided, Failed, Observed
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.likeness import Likeness
from escalera.domain.message import Decoding
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.training import Trained, TrainingRun
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import climb
from escalera.engine.observer import Quiet
from escalera.errors import JournalConflict, ProviderUnavailable, TrainingError
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.playbook import DECLARED
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import Faults, ScriptedProvider

ITEMS = {"train": 6, "search": 10, "confirm": 100}
A, B = (playbook.task(name, items=ITEMS) for name in "ab")
PROJECT = playbook.project(A, B)
JUDGE = Judge(
    kind="rubric",
    model="judge",
    revision="r",
    rubric="Is right.",
    scale=Scale(lowest=0, highest=4),
    reference=True,
    decoding=Decoding(max_tokens=50),
    wording=WORDING,
)


class Killed(BaseException):
    """What a kill looks like from inside: nothing runs after it."""


class Mortal(MemoryJournal):
    """A journal whose process dies after so many appends."""

    def __init__(self, lives):
        super().__init__()
        self.lives = lives

    def append(self, events):
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        super().append(events)


class Names:
    """A trainer and merger whose adapters are a name: what they were made for."""

    def __init__(self, *, fails=False):
        self.fails = fails
        self.kept = set()

    def forget(self, recipe):
        self.kept.remove(recipe.digest)

    def train(self, recipe, pairs, *, into, progress, until=1.0):
        if self.fails:
            raise TrainingError("the loss is not finite")
        self.kept.add(recipe.digest)
        (into / "name").write_text("+".join(part.task for part in recipe.ingredients))
        return TrainingRun(
            signals=(),
            planned=0,
            examples=len(pairs),
            parameters=1,
            layout="packed",
            seconds=1,
        )

    def merge(self, plan, adapters, *, into):
        (into / "name").write_text(f"merge {plan.digest}")


class World:
    """Everything a climb touches: a store, a model that knows its adapters, and counters."""

    def __init__(self, folder, *, faults=None, unit=4, fails=False):
        self.artifacts = FolderArtifacts(folder)
        self.provider = ScriptedProvider(self.answer, faults=faults, unit=unit)
        self.made = {"provider": 0, "trainer": 0, "merger": 0}
        self.names = Names(fails=fails)

    def answer(self, request):
        """Type b is easy, type a needs an adapter, and the adapter of a alone breaks b."""
        task, number = re.search(r"(\w) \w+ message (\d+)", request.messages[-1].content).groups()
        name = "" if request.adapter is None else self._name(request.adapter)
        able = task == "b" if not name else name != "a" or task == "a"
        return f"answer {number}" if able else "no idea"

    def _name(self, adapter):
        return (self.artifacts.path(adapter) / "name").read_text()

    def ports(self, journal):
        return climb.Ports(
            journal=journal,
            artifacts=self.artifacts,
            clock=self,
            scoring=PureScoring(),
            provider=lambda: self._make("provider", self.provider),
            other=lambda _: ScriptedProvider(self.answer),
            trainer=lambda: self._make("trainer", self.names),
            merger=lambda: self._make("merger", self.names),
            invalid=lambda *_: None,
            retrieval=retrieval(),
        )

    def seconds(self):
        return 0.0

    def _make(self, kind, made):
        self.made[kind] += 1
        return made


def run(world, journal, *, project=PROJECT, observer=None):
    ports = world.ports(journal)
    return climb.run(project, ports=ports, observer=observer or Quiet(), version="1")


def report(evidence, project=PROJECT):
    built = document.build(project, evidence, version="1", head="")
    return document.without_clocks(built)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A climb that nothing disturbed: its journal, its world and its evidence."""
    world, journal = World(tmp_path_factory.mktemp("whole")), MemoryJournal()
    return world, journal, run(world, journal)


def test_a_climb_through_trainings_and_merges(whole):
    """The mixture mends what the adapter broke, as the model was made to behave."""
    world, _, evidence = whole
    (stopped,) = evidence.stopped
    assert (stopped.reason, stopped.rung) == ("adequate", "mixture")
    assert [len(world.artifacts.path(t.adapter).name) for (t,) in evidence.trained.values()] == [
        64
    ] * 3
    merges = len(evidence.merged)
    assert merges == 10 + 4  # the grid, and each of two weights a step up and down
    assert world.made == {"provider": 1, "trainer": 1, "merger": 1}
    assert world.provider.closed == 1


def test_the_end_of_a_climb_is_dated_where_the_time_is_known(whole, tmp_path):
    """Nothing else is, and nothing else differs: what is served can say how old it is."""
    _, journal, evidence = whole
    world, dated = World(tmp_path), MemoryJournal()
    ports = replace(world.ports(dated), now=lambda: 1_800_000_000.5)
    found = climb.run(PROJECT, ports=ports, observer=Quiet(), version="1")
    assert found.served_by.at == 1_800_000_000.5
    assert evidence.served_by.at is None
    kinds = [[type(event) for event in one.events()] for one in (dated, journal)]
    assert kinds[0] == kinds[1]
    assert replace(found.served_by, at=None) == evidence.served_by


def test_the_journal_is_the_only_state(whole):
    """What is returned is what the journal folds to."""
    _, journal, evidence = whole
    assert fold(journal.events()) == evidence


def test_the_engine_does_what_the_planner_asks(tmp_path):
    """The same steps as in a playbook with the same answers, and every event is shown."""

    class Watching(Quiet):
        def __init__(self):
            self.steps, self.events, self.progress, self.left = [], [], [], []

        def began(self, step):
            self.steps.append(type(step).__name__)

        def appended(self, event):
            self.events.append(event)

        def progressed(self, what, done, total):
            self.progress.append((what, done, total))

        def afforded(self, left):
            self.left.append(left)

    watching, journal = Watching(), MemoryJournal()
    run(World(tmp_path), journal, observer=watching)

    def answers(system, item):
        good = item.task == "b" if system.adapter is None else True
        if system.adapter == "adapter(a 6)":
            good = item.task == "a"
        return float(good)

    simulated = playbook.simulate(PROJECT, answers)
    assert watching.steps == [type(step).__name__ for step in simulated.steps]
    assert watching.events == list(journal.events())
    assert watching.progress[0] == ("pilot", 4, 20)
    assert set(watching.left) == {Left()}


def test_whoever_watches_is_told_what_is_left(tmp_path):
    """Of the calls that a cap allows, less those set aside; at the end those that were not made."""

    class Watching(Quiet):
        def __init__(self):
            self.left = []

        def afforded(self, left):
            self.left.append(left.calls)

    watching, capped = Watching(), replace(PROJECT, budget=Budget(calls=100_000))
    evidence = run(World(tmp_path), MemoryJournal(), project=capped, observer=watching)
    assert watching.left[0] == 100_000
    assert watching.left[-1] == 100_000 - evidence.spent.calls < 99_900


def test_a_finished_climb_asks_for_nothing(whole, tmp_path):
    """Run again, it makes no provider and appends no event."""
    _, journal, evidence = whole
    world, again = World(tmp_path), MemoryJournal(journal.events())
    assert run(world, again) == evidence
    assert world.made == {"provider": 0, "trainer": 0, "merger": 0}


@pytest.mark.parametrize("dear", ["judge", "embeddings"])
def test_a_climb_ends_when_only_the_scores_cannot_be_paid(tmp_path, dear):
    """A cap that leaves room for answers, and for no grade or embedding of them."""
    price = ModelPrice(prompt=10**9, completion=10**9)
    scored = BaseModel(name="dear", revision="r", trainable=False, price=price)
    if dear == "judge":
        panel = Panel(name="j", judges=(replace(JUDGE, model="dear"),))
        scorer, more = panel.scorer, {"judges": (panel,), "graders": (scored,)}
    else:
        likeness = Likeness(scorer='semantic {"model":"dear"}', model="dear", weights="r")
        scorer, more = likeness.scorer, {"likenesses": (likeness,), "readers": (scored,)}
    cheap = ModelPrice(prompt=1, completion=1)
    budget = Budget(micro_dollars=5000)
    priced = playbook.project(replace(A, scorer=scorer), price=cheap, budget=budget)
    world, journal = World(tmp_path), MemoryJournal()
    world.provider = ScriptedProvider(world.answer, unit=4, price=cheap)
    evidence = run(world, journal, project=replace(priced, **more))
    (stopped,) = evidence.stopped
    assert stopped.reason == "budget"
    assert world.provider.requests
    assert evidence.spent.calls == len(world.provider.requests)
    assert run(world, journal, project=replace(priced, **more)).stopped == [stopped]


def test_an_absent_endpoint_is_recorded_and_raised(tmp_path):
    """A Failed event that says "try again"; nothing is scored for want of an answer."""
    world, journal = World(tmp_path, faults=Faults(first=10**9)), MemoryJournal()
    with pytest.raises(ProviderUnavailable):
        run(world, journal)
    *_, last = journal.events()
    assert isinstance(last, Failed)
    assert last.retryable
    assert "scripted failure" in last.cause
    assert not any(isinstance(event, Observed) for event in journal.events())
    assert world.provider.closed == 1


def test_the_next_run_asks_only_what_is_missing(whole, tmp_path):
    """An outage in the middle: the second run continues, and no answered call is repeated."""
    undisturbed, _, evidence = whole
    calls = len(undisturbed.provider.requests)
    seen = []

    def breaks_once(request):
        seen.append(request)
        return len(seen) == 101

    world, journal = World(tmp_path, unit=1, faults=Faults(when=breaks_once)), MemoryJournal()
    with pytest.raises(ProviderUnavailable):
        run(world, journal)
    assert len(world.provider.requests) == 101
    assert sum(isinstance(event, Observed) for event in journal.events()) == 100
    after = run(world, journal)
    assert len(world.provider.requests) == calls + 1
    assert report(after) == report(evidence)


def test_a_failed_training_is_recorded_and_can_be_mended(tmp_path):
    """Not retryable by itself, but the climb goes on from there once its cause is gone."""
    journal = MemoryJournal()
    with pytest.raises(TrainingError):
        run(World(tmp_path, fails=True), journal)
    *_, last = journal.events()
    assert (last.cause, last.retryable) == ("the loss is not finite", False)
    assert not any(isinstance(event, Trained) for event in journal.events())
    after = run(World(tmp_path), journal)
    assert after.stopped[0].rung == "mixture"


class Contested(MemoryJournal):
    """A journal that another process writes from some moment on."""

    def __init__(self, appends):
        super().__init__()
        self.appends = appends

    def append(self, events):
        self.appends -= 1
        if self.appends < 0:
            raise JournalConflict("another process appended")
        super().append(events)


def test_a_journal_that_another_process_writes_ends_the_climb(tmp_path):
    """The conflict itself is raised: it cannot be recorded in the journal that it is about."""
    journal = Contested(20)
    with pytest.raises(JournalConflict, match="another process"):
        run(World(tmp_path), journal)
    assert journal.appends == -1
    assert not any(isinstance(event, Failed) for event in journal.events())


@pytest.mark.parametrize("lives", [0, 1, 7, 23, 60, 130, 170, 200, 215, 230])
def test_a_killed_climb_ends_as_if_nothing_had_happened(whole, tmp_path, lives):
    """Killed at any append and started again: the report without clocks is the same."""
    _, journal, evidence = whole
    assert sum(1 for _ in journal.events()) > 230
    mortal = Mortal(lives)
    with pytest.raises(Killed):
        run(World(tmp_path), mortal)
    world = World(tmp_path)
    after = run(world, MemoryJournal(mortal.events()))
    assert report(after) == report(evidence)


def test_what_a_training_goes_on_from_is_kept_until_its_end_is_on_record(whole, tmp_path):
    """Killed before, it does not begin at its first step again; after it, nothing is left."""

    class Untold(MemoryJournal):
        def append(self, events):
            if any(isinstance(event, Trained) for event in events):
                raise Killed
            super().append(events)

    world, _, _ = whole
    assert world.made["trainer"] == 1
    assert not world.names.kept
    killed = World(tmp_path)
    with pytest.raises(Killed):
        run(killed, Untold())
    assert len(killed.names.kept) == 1


def test_a_refused_call_is_not_an_outage(tmp_path):
    """It is unscored, and too many of them withhold the verdict."""
    project = playbook.project(A, policy=replace(DECLARED, rungs=("prompt",)))
    faults = Faults(when=lambda r: "confirm" in r.messages[-1].content, kind="rejected")
    evidence = run(World(tmp_path, faults=faults), MemoryJournal(), project=project)
    assert evidence.stopped[0].reason == "undecided"
    decided = [event for event in evidence.decided if isinstance(event, Decided)]
    assert {event.outcome for event in decided} == {"undecided"}
    assert evidence.failed == []


def test_a_changed_project_is_climbed_anew_until_a_rung(tmp_path):
    """What was decided before is about another project: its verdict is not shown for this one."""
    world, journal = World(tmp_path), MemoryJournal()
    before = climb.run(
        PROJECT, ports=world.ports(journal), observer=Quiet(), version="1", until="prompt"
    )
    assert before.decision("prompt", "").outcome == "inadequate"
    modest = playbook.project(*(replace(task, bar=0.6) for task in (A, B)))
    after = climb.run(
        modest, ports=world.ports(journal), observer=Quiet(), version="1", until="prompt"
    )
    assert len(after.opened) == 2
    assert "bar 0.60" in after.decision("prompt", "a").words
