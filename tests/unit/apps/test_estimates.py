"""The most that a climb can cost."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import pytest
from scipy import stats

from escalera import wiring
from escalera.apps.estimates import Probe, estimates, measured
from escalera.core.economics import pilot
from escalera.core.finetuning import rates
from escalera.core.ladder import optimising, pricing, steps
from escalera.domain.likeness import Likeness
from escalera.domain.message import Message, Reply, Request, Usage
from escalera.domain.optimiser import Optimiser
from escalera.domain.project import RUNGS, BaseModel, ModelPrice, Teacher
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

PROBE = Probe(
    micro_dollars=3.0,
    micro_dollars_range=(2.5, 3.6),
    seconds=0.5,
    tokens_per_character=0.25,
    seconds_per_token=0.001,
)
ASKED = Request(messages=(Message(role="user", content="x" * 400),))


def reply(seconds, micro_dollars=6):
    return Reply(
        text="y",
        finish_reason="stop",
        usage=Usage(prompt_tokens=100, completion_tokens=10),
        micro_dollars=micro_dollars,
        seconds=seconds,
        revision="r",
    )


def test_what_calls_took_is_measured():
    """Two answered together in 4 seconds, four such units at a time."""
    found = measured([ASKED, ASKED], [reply(4.0), reply(4.0)], together=2, concurrency=4)
    assert found.micro_dollars == 6.0
    assert found.seconds == 0.5
    assert found.tokens_per_character == 0.25
    assert found.seconds_per_token == 4.0 / (2 * (100 + pricing.DECODE * 10))
    costs = [2, 6, 9, 11]
    mixed = measured([ASKED], [reply(1.0, cost) for cost in costs], together=1, concurrency=1)
    assert mixed.micro_dollars_range == pytest.approx(
        stats.t.interval(0.95, 3, loc=7.0, scale=stats.sem(costs))
    )
    level = measured(
        [ASKED] * 4,
        [reply(1.0, cost) for cost in costs],
        together=1,
        concurrency=1,
        mean_characters=600.0,
        price=ModelPrice(prompt=10_000, completion=0),
    )  # prompts of 150 tokens, at a hundredth of a micro-dollar; those that were asked have 100
    assert level.micro_dollars == pytest.approx(7.5)
    low, high = pilot.interval([1.0, 5.0, 8.0, 10.0])
    assert level.micro_dollars_range == pytest.approx((1.5 + low, 1.5 + high))
    unpriced = measured([ASKED], [reply(1.0, None)], together=1, concurrency=1)
    assert unpriced.micro_dollars is None
    assert unpriced.micro_dollars_range is None


def test_calls_cost_what_the_tried_ones_did(write):
    """Money and minutes are the bound on calls at the measured rates."""
    project = wiring.install(write() / "escalera.toml").project
    for entry in estimates(project, PROBE):
        assert entry.micro_dollars == 3 * entry.calls
        assert entry.micro_dollars_range == (
            math.floor(2.5 * entry.calls), math.ceil(3.6 * entry.calls)
        )  # fmt: skip
        assert entry.minutes == entry.calls * 0.5 / 60
        assert entry.training_minutes == 0.0


def test_embeddings_of_answers_are_counted_and_not_priced(write):
    """At the most one call for each answer; what it costs is not known from the calls tried."""
    project = wiring.install(write() / "escalera.toml").project
    scorers = {task.scorer for task in project.tasks}
    compared = tuple(Likeness(scorer=one, model="e", weights="w") for one in scorers)
    plain = estimates(project, PROBE)
    for entry, before in zip(
        estimates(replace(project, likenesses=compared), PROBE), plain, strict=True
    ):
        assert entry == replace(before, calls=2 * before.calls)


def test_trainings_are_told_for_the_rungs_that_train(write):
    """Tokens of every `train` item under its longest prompt, times epochs, forward and backward."""
    project = wiring.install(write(local=True) / "escalera.toml").project
    told = {entry.rung: entry.training_minutes for entry in estimates(project, PROBE)}
    assert told["prompt"] == told["examples"] == told["route"] == 0.0
    characters = sum(
        len("Be kind. Answer a. One word.") + len("Message:\n\n") + len(item.input) + 1
        for task in project.tasks
        for item in task.items("train")
    )
    tokens = characters * 0.25 * project.levers.epochs
    assert tokens < project.levers.batch_tokens * project.levers.fewest_steps
    search = 1 + rates.cost(project.levers.fewest_steps)  # its rate is open
    least = search * tokens * 3 * 0.001 / 60
    assert told["lora"] == told["mixture"] == told["merge"]
    assert 0.7 * least < told["lora"] < 1.3 * least
    unknown = {entry.rung: entry.training_minutes for entry in estimates(project, None)}
    assert unknown["lora"] is None
    assert unknown["prompt"] == 0.0


def test_a_route_that_nothing_was_trained_for_trains_by_itself(write):
    """It takes the adapter of the LoRA rung or the merge where those are climbed."""
    project = wiring.install(write(local=True) / "escalera.toml").project
    alone = replace(project, policy=replace(project.policy, rungs=("prompt", "route")))
    assert estimates(alone, PROBE)[-1].training_minutes > 0


@pytest.mark.parametrize("rungs", [RUNGS, ("prompt", "route"), ("prompt", "merge", "route")])
@pytest.mark.parametrize("tuned", [0.3, 0.96])
def test_no_rung_trains_that_was_not_told_to(write, rungs, tuned):
    """Nor on more than every `train` item: held against simulated climbs."""
    project = wiring.install(write(local=True) / "escalera.toml").project
    project = replace(project, policy=replace(project.policy, rungs=rungs))
    told = {entry.rung: entry.training_minutes for entry in estimates(project, PROBE)}

    def answers(system, item):
        rates = {"a": 0.3, "b": 0.96} if system.adapter is None else {"a": tuned, "b": 0.8}
        return float(luck(item) < rates[item.task])

    taught = defaultdict(int)
    for step in simulate(project, answers).steps:
        if isinstance(step, steps.Train) and step.until == 1:
            taught[step.rung] += sum(part.examples for part in step.recipe.ingredients)
    assert taught
    for rung, examples in taught.items():
        assert told[rung] > 0
        assert examples <= sum(len(task.items("train")) for task in project.tasks)


@pytest.mark.parametrize("tuned", [0.3, 0.96])
def test_no_rung_costs_more_calls_than_was_told(write, tuned):
    """At most means at most: held against simulated climbs through every rung."""
    project = wiring.install(write(local=True) / "escalera.toml").project
    told = {entry.rung: entry.calls for entry in estimates(project, None)}

    def answers(system, item):
        rates = {"a": 0.3, "b": 0.96} if system.adapter is None else {"a": tuned, "b": 0.8}
        return float(luck(item) < rates[item.task])

    asked, seen = defaultdict(set), set()
    for step in simulate(project, answers).steps:
        if isinstance(step, steps.Evaluate):
            new = {(call.system, call.item) for call in step.calls} - seen
            seen |= new
            asked[step.rung] |= new
    assert set(asked) <= set(told)
    assert len(told) == 7
    for rung, calls in asked.items():
        assert len(calls) <= told[rung]


@pytest.mark.parametrize("optimiser", [None, Optimiser(name="gepa", calls=100)])
def test_a_search_costs_no_more_calls_than_was_told(optimiser):
    """Fresh items are asked twice: of the prompt that was found, and of the one before it."""
    task = playbook.task("a", bar=0.9, items={"train": 12, "search": 120, "confirm": 400})
    policy = replace(playbook.DECLARED, rungs=("prompt", "search"))
    writer = BaseModel(name="writer", revision="w", trainable=False, price=None)
    project = playbook.project(task, policy=policy, proposer=writer, optimiser=optimiser)
    (told,) = (entry.calls for entry in estimates(project, None) if entry.rung == "search")

    def answers(system, item):
        return float(luck(item) < 0.5 + 0.1 * system.prompt.system.count("Good"))

    asked = set()
    rules = tuple(f"Good {number}." for number in range(3))
    climbed = simulate(project, answers, writes=lambda _: rules)
    for step in climbed.steps:
        if isinstance(step, steps.Evaluate) and step.rung == "search":
            asked |= {(call.system, call.item) for call in step.calls}
    confirmed = {system for system, item in asked if item.split == "confirm"}
    assert len(confirmed) == 2
    meanwhile = 0 if optimiser is None else optimising.most_calls(task, optimiser) - 160
    assert meanwhile + len(asked) <= told
    if optimiser is not None:
        assert told == meanwhile + 160 + 2 * 400


def test_what_a_teacher_is_asked_is_counted_where_something_is_trained():
    """Every item of what may be taught, as often as it may be asked."""
    task = playbook.task("a", items={"train": 20, "search": 20, "confirm": 40})
    plain = playbook.project(task)
    taught = replace(plain, teacher=Teacher(rung="prompt", samples=3, temperature=0.7))
    both = [{e.rung: e.calls for e in estimates(one, None)} for one in (plain, taught)]
    more = {rung: both[1][rung] - both[0][rung] for rung in both[0]}
    assert more["lora"] == 3 * 20
    assert more["prompt"] == 0
