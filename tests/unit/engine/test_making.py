"""Performing trainings, merges and the fit of a router."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call, Distil, FitRouter, Merge, Suggest, Train
from escalera.core.prompts import rendering
from escalera.domain.dataset import Examples
from escalera.domain.identity import digest_of
from escalera.domain.levers import Levers, Trainable
from escalera.domain.message import Decoding
from escalera.domain.recipe import (
    Ingredient,
    MergePlan,
    TrainingRecipe,
    WeightedAdapter,
)
from escalera.domain.sweep import LeverRange, LeverTrial, Suggested, Sweep
from escalera.domain.system import Prompt, System
from escalera.domain.training import Lesson, SampleLoss, StepSignal, Told, TrainingRun
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import making
from escalera.errors import EvidenceMissing, InputError, MissingExtra, TrainingError
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal

A = playbook.task("a", items={"train": 6, "search": 8, "confirm": 8})
B = playbook.task("b", items={"train": 6, "search": 8, "confirm": 8})
PROJECT = playbook.project(A, B)
PROMPT = Prompt(system="Be kind.", template="> {{ input }}")


def ingredient(task, count):
    items = task.items("train")[:count]
    data = digest_of([item.digest for item in items])
    return Ingredient(task=task.name, prompt=PROMPT, examples=count, data=data)


RECIPE = TrainingRecipe(
    model="base",
    revision="r1",
    ingredients=(ingredient(A, 4), ingredient(B, 2)),
    trainable=Trainable(),
    levers=Levers(),
)


SIGNAL = StepSignal(
    step=1, loss=2.0, norm=0.5, rate=0.1, tokens=70, samples=(SampleLoss(place=3, loss=2.5),)
)
TOLD = Told(
    lessons=(Lesson(place=0, prompt=9, learned=3, target=2, stops=True),),
    known=("<|user|>",),
    used=("<|user|>",),
    broken=(),
)


class Notes:
    """A trainer and merger that writes down what it was given."""

    def __init__(self, *, fails=False, told=TOLD):
        self.fails = fails
        self.told = told
        self.pairs = []
        self.inputs = []

    def train(self, recipe, pairs, *, into, progress, until=1.0):
        self.pairs = list(pairs)
        progress("training", 1, 1)
        (into / "half").write_text("half")
        if self.fails:
            raise TrainingError("the loss is not finite")
        (into / "adapter").write_text(recipe.digest)
        return TrainingRun(
            signals=(SIGNAL,),
            planned=2,
            examples=6,
            parameters=3,
            layout="packed",
            seconds=1.5,
            told=self.told,
        )

    def merge(self, plan, adapters, *, into):
        self.inputs = list(adapters)
        (into / "adapter").write_text("+".join((f / "adapter").read_text() for f in adapters))


class Ticks:
    """A clock that moves by two seconds at each look."""

    now = 0.0

    def seconds(self):
        self.now += 2.0
        return self.now


@pytest.fixture
def artifacts(tmp_path):
    """An empty store."""
    return FolderArtifacts(tmp_path / "artifacts")


def ignore(*_):
    """Progress that nobody watches."""


def train(artifacts, trainer):
    return making.train(
        Train(rung="lora", recipe=RECIPE),
        project=PROJECT,
        evidence=Evidence(),
        trainer=trainer,
        artifacts=artifacts,
        progress=ignore,
    )


def test_a_training_gets_exactly_the_items_of_the_recipe(artifacts):
    """The first train items of each ingredient in the project's order, under its prompt."""
    trainer = Notes()
    train(artifacts, trainer)
    wanted = [*A.items("train")[:4], *B.items("train")[:2]]
    assert [(pair.messages, pair.target) for pair in trainer.pairs] == [
        (rendering.conversation(PROMPT, item.query), item.target) for item in wanted
    ]


def test_a_training_is_recorded_with_its_stored_adapter(artifacts):
    """The event says everything that the run told, and the adapter can be read."""
    event = train(artifacts, Notes())
    assert (event.recipe, event.tokens, event.examples) == (RECIPE, 70, 6)
    assert (event.parameters, event.seconds, event.curve[0].loss) == (3, 1.5, 2.0)
    assert (event.steps, event.planned, event.layout) == (1, 2, "packed")
    (line,) = (artifacts.path(event.log) / "steps.jsonl").read_text().splitlines()
    assert msgspec.json.decode(line, type=StepSignal) == SIGNAL
    assert (artifacts.path(event.adapter) / "adapter").read_text() == RECIPE.digest


def test_how_the_examples_were_told_is_kept_where_the_trainer_says_it(artifacts):
    """Beside the log, and no empty file where it does not."""
    kept = artifacts.path(train(artifacts, Notes()).log) / "told.json"
    assert msgspec.json.decode(kept.read_bytes(), type=Told) == TOLD
    unsaid = artifacts.path(train(artifacts, Notes(told=None)).log)
    assert [file.name for file in unsaid.iterdir()] == ["steps.jsonl"]


def test_a_failed_training_leaves_nothing_behind(artifacts, tmp_path):
    """The half-made folder is removed, and nothing is stored."""
    with pytest.raises(TrainingError):
        train(artifacts, Notes(fails=True))
    assert list((tmp_path / "artifacts").rglob("*")) == [tmp_path / "artifacts" / "scratch"]


@pytest.mark.parametrize(
    "changed",
    [
        replace(A, examples=Examples(replace(i, target="other") for i in A.examples)),
        replace(A, examples=A.items("train")[1:]),
    ],
)
def test_changed_data_are_no_recipe(changed):
    """An adapter must be what its recipe says: other items are refused, with the remedy."""
    project = playbook.project(changed, B)
    with pytest.raises(EvidenceMissing, match="'a' are not those of the recipe"):
        making.training_pairs(project, Evidence(), RECIPE, artifacts)


def test_items_that_a_recipe_leaves_out_are_not_taught():
    """The others are, in their order, and are what the digest is of."""
    first, *others = A.items("train")[:4]
    data = digest_of([item.digest for item in others])
    part = replace(RECIPE.ingredients[0], without=(first.id,), data=data)
    recipe = replace(RECIPE, ingredients=(part,))
    pairs = making.training_pairs(PROJECT, Evidence(), recipe, artifacts)
    assert [pair.item for pair in pairs] == [item.id for item in others]


def test_a_merge_reads_the_adapters_in_the_order_of_the_plan(artifacts):
    """Weights belong to positions; the time it took is a clock reading."""
    stored = []
    for name in ("x", "y"):
        folder = artifacts.scratch()
        (folder / "adapter").write_text(name)
        stored.append(artifacts.put(folder))
    adapters = tuple(WeightedAdapter(adapter=name, weight=1.0) for name in reversed(stored))
    plan = MergePlan(method="linear", adapters=adapters)
    merger = Notes()
    event = making.merge(Merge(plan=plan), merger=merger, artifacts=artifacts, clock=Ticks())
    assert merger.inputs == [artifacts.path(stored[1]), artifacts.path(stored[0])]
    assert (artifacts.path(event.adapter) / "adapter").read_text() == "y+x"
    assert (event.plan, event.seconds) == (plan, 2.0)


def test_a_router_is_learned_stored_and_asked_once_for_every_item(artifacts):
    """Every item of every split has a choice; the accuracy is that on search items."""
    step = FitRouter(tasks=("a", "b"))
    event = making.fit_router(step, project=PROJECT, artifacts=artifacts)
    assert sorted(event.items) == sorted(i.id for t in (A, B) for i in t.examples)
    assert len(event.choices) == len(event.items)
    router = making.load_router(artifacts, event.router)
    infer = router.infer
    known = {item.id: item for task in (A, B) for item in task.examples}

    def choose(name):
        return router.choose(known[name].input)

    assert [infer(known[name].input) for name in event.items] == list(event.choices)
    assert event.unsure == tuple(name for name in event.items if not choose(name).sure)
    searched = [
        known[name].task == choice
        for name, choice in zip(event.items, event.choices, strict=True)
        if known[name].split == "search"
    ]
    assert (event.accuracy.n, event.accuracy.clusters) == (16, 16)
    assert event.accuracy.value == sum(searched) / 16
    again = making.fit_router(step, project=PROJECT, artifacts=artifacts)
    assert again == event


def test_a_router_keeps_what_search_items_look_like(artifacts):
    """Enough of them, and one in a hundred may be strange; the promise is in the event."""
    tasks = [playbook.task(n, items={"train": 12, "search": 100, "confirm": 8}) for n in "ab"]
    event = making.fit_router(
        FitRouter(tasks=("a", "b")), project=playbook.project(*tasks), artifacts=artifacts
    )
    assert event.coverage == 0.99
    assert 0.95 < event.assured < 0.99
    router = making.load_router(artifacts, event.router)
    assert len(router.reference) == 200
    assert (np.diff(router.reference) >= 0).all()
    searched = [router.choose(i.input) for task in tasks for i in task.items("search")]
    assert sum(found.refusal == "stranger" for found in searched) <= 2
    assert router.choose("What is the distance to the moon?").refusal == "stranger"


def test_a_router_without_train_items_is_an_input_error(artifacts):
    """The user's data are at fault, and the message says what to do."""
    bare = playbook.project(A, playbook.task("b", items={"search": 8, "confirm": 8}))
    with pytest.raises(InputError, match=r"no training items for \['b'\]"):
        making.fit_router(FitRouter(tasks=("a", "b")), project=bare, artifacts=artifacts)


def test_pairs_carry_what_was_rejected(artifacts):
    """So that a preference can be learned from the project's own data."""
    items = A.items("train")[:2]
    examples = Examples(
        replace(item, rejected="no") if item.id == items[1].id else item for item in A.examples
    )
    task = replace(A, examples=examples)
    project = playbook.project(task, B)
    taken = task.items("train")[1:2]
    data = digest_of([item.digest for item in taken])
    part = Ingredient(task="a", prompt=PROMPT, examples=1, data=data, paired=True)
    recipe = replace(RECIPE, ingredients=(part,), objective="preference")
    (pair,) = making.training_pairs(project, Evidence(), recipe, artifacts)
    assert (pair.target, pair.rejected) == (taken[0].target, "no")


def test_what_a_teacher_said_is_taught_instead_of_the_targets(artifacts):
    """Stored by content: the same answers are the same artifact, and another recipe."""
    items = A.items("train")[:2]
    system = System(model="big", revision="r", prompt=PROMPT, decoding=Decoding(max_tokens=9))
    calls = tuple(Call(system=system, item=item) for item in items)
    journal = MemoryJournal()
    journal.append(
        [
            replace(playbook.observed(PROJECT, call, 1.0), reply=f"said {n}")
            for n, call in enumerate(calls)
        ]
    )
    step = Distil(question="q", task="a", calls=calls, least=1.0, asked=6, score=0.5)
    found = making.distil(step, journal=journal, artifacts=artifacts)
    assert found == making.distil(step, journal=journal, artifacts=artifacts)
    assert (found.kept, found.asked, found.model) == (tuple(i.id for i in items), 6, "big")
    part = replace(ingredient(A, 2), answers=found.answers)
    recipe = replace(RECIPE, ingredients=(part, ingredient(B, 1)))
    pairs = making.training_pairs(PROJECT, Evidence(), recipe, artifacts)
    assert [pair.target for pair in pairs] == ["said 0", "said 1", B.items("train")[0].target]
    assert recipe.digest != replace(recipe, ingredients=(ingredient(A, 2), ingredient(B, 1))).digest


WEIGHTS = Sweep(
    levers=(LeverRange(name="weight 1", lowest=0.0, highest=1.0),), trials=3, way="evolution"
)


def test_a_suggestion_is_asked_of_what_suggests_in_this_way():
    """With a score for each trial of a search, and one for each pause of a sweep."""
    asked = []

    class Suggester:
        def suggest(self, sweep, tried, *, pauses):
            asked.append((sweep.way, len(tried), pauses))
            return (0.5,)

    def of(way):
        asked.append(way)
        return Suggester()

    for sweep in (WEIGHTS, replace(WEIGHTS, way="parzen")):
        step = Suggest(question="q", sweep=sweep, number=2, tried=(LeverTrial(values=(0.1,)),))
        assert making.suggest(step, of) == Suggested(question="q", number=2, values=(0.5,))
    assert asked == ["evolution", ("evolution", 1, 1), "parzen", ("parzen", 1, 4)]


def test_without_what_suggests_a_search_has_no_values_and_a_sweep_is_refused():
    """A search has another way."""

    def of(way):
        raise MissingExtra(feature=way, package="p", extra="local")

    step = Suggest(question="q", sweep=WEIGHTS, number=1, tried=())
    nothing = Suggested(question="q", number=1, values=())
    assert making.suggest(step, of) == making.suggest(step, None) == nothing
    with pytest.raises(MissingExtra):
        making.suggest(replace(step, sweep=replace(WEIGHTS, way="parzen")), of)


def test_a_router_is_taught_known_strangers(artifacts):
    """What is like them is refused, which it would not be without them."""
    step = FitRouter(tasks=("a", "b"))
    strangers = tuple(f"how far is star {n} from here" for n in range(40))
    told = "how far is star 99 from here"
    found = [
        making.load_router(
            artifacts,
            making.fit_router(
                step, project=replace(PROJECT, strangers=known), artifacts=artifacts
            ).router,
        )
        for known in ((), strangers)
    ]
    familiar = [router.choose(told).familiarity for router in found]
    assert familiar[1] < familiar[0]
    assert found[1].types == ("a", "b")
