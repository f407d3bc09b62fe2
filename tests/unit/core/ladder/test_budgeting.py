"""Steps under caps: what is not begun, and what stands when the budget ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import Evidence
from escalera.core.ladder import budgeting, steps
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.case import Case
from escalera.core.spent import Spent
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

A, B = playbook.task("a"), playbook.task("b")
PRICE = ModelPrice(prompt=3 * 10**6, completion=5 * 10**6)


def case(spent, **caps):
    project = playbook.project(A, price=PRICE, budget=Budget(**caps))
    return Case(project=project, evidence=Evidence(spent=spent))


def race():
    """The first race of a climb: some forty calls."""
    climbed = simulate(playbook.project(A), lambda *_: 1.0)
    return next(s for s in climbed.steps if isinstance(s, steps.Evaluate) and s.purpose == "race")


RACE = race()


def worst(step):
    """By hand, call by call: a token per byte, eight per message, and the longest answer."""
    total = 0
    for call in step.calls:
        request = call.request
        for message in request.messages:
            total += 3 * (len(message.content.encode()) + 8)
        total += 5 * request.decoding.max_tokens
    return total


@pytest.mark.parametrize("short", [0, 1])
def test_a_step_that_is_likely_to_cost_more_than_what_is_left_is_not_begun(short):
    """Half a look decides nothing. What is likely is the mean so far, not the worst case."""
    spent = Spent(calls=10, known_micro_dollars=1000)
    likely = 100 * len(RACE.calls)
    first = Caps.of(case(Spent(), micro_dollars=1).project).worst(RACE.calls[:1]).micro_dollars
    assert first < likely < worst(RACE)
    assert budgeting.exceeds(case(spent, micro_dollars=1000 + likely - short), RACE) == (short > 0)


@pytest.mark.parametrize("short", [0, 1])
def test_a_step_whose_next_call_may_break_the_cap_is_not_begun(short):
    """Nothing is known of prices yet: the worst case of one call must fit."""
    first = Caps.of(case(Spent(), micro_dollars=1).project).worst(RACE.calls[:1]).micro_dollars
    assert budgeting.exceeds(case(Spent(), micro_dollars=first - short), RACE) == (short > 0)


@pytest.mark.parametrize("short", [0, 1])
def test_calls_spent_before_count(short):
    """The same for a cap on calls."""
    cap = 9 + len(RACE.calls) - short
    assert budgeting.exceeds(case(Spent(calls=9), calls=cap), RACE) == (short > 0)


def test_what_is_already_answered_costs_nothing():
    """Only new calls are held against a cap."""
    project = playbook.project(A, price=PRICE, budget=Budget(micro_dollars=1))
    known = Evidence()
    for call in RACE.calls:
        known.apply(playbook.observed(playbook.project(A), call, 1.0))
    known.spent = Spent()
    assert not budgeting.exceeds(Case(project=project, evidence=known), RACE)


def test_an_adequate_rung_is_promoted_when_the_budget_ends_before_the_alternatives():
    """What was paid for and shown stands; the rungs that were not tried are named."""
    answers = breaking_unless_mixed
    whole = simulate(project(Budget()), answers)
    mixture = next(
        n
        for n, event in enumerate(whole.events)
        if getattr(event, "rung", "") == "mixture" and getattr(event, "outcome", "") == "adequate"
    )
    calls = sum(isinstance(event, playbook.Observed) for event in whole.events[:mixture])
    assert calls < whole.evidence.spent.calls
    climbed = simulate(project(Budget(calls=calls)), answers)
    (stopped,) = climbed.evidence.stopped
    assert (stopped.reason, stopped.rung) == ("adequate", "mixture")
    assert stopped.route == climbed.evidence.nominee("mixture").digest
    assert any("Not tried" in said and "Merged adapters" in said for said in stopped.reasons)
    assert any("raise the caps" in way for way in stopped.reversal)


# Below: helpers.


def project(budget):
    return playbook.project(A, B, budget=budget, policy=replace(DECLARED, replay=0.5))


def breaking_unless_mixed(system, item):
    """Prompting fails on a, an adapter for a alone breaks b, one for both does both."""
    adapter = system.adapter or ""
    rate = {"a": 0.3, "b": 0.96}
    if adapter.startswith("adapter(a"):
        rate = {"a": 0.96, "b": 0.96 if "b" in adapter else 0.3}
    elif adapter:
        rate = {"a": 0.3, "b": 0.96} if adapter.startswith("adapter(b") else {"a": 0.3, "b": 0.3}
    return float(luck(item) < rate[item.task])


def test_a_router_that_reads_embeddings_is_not_begun_without_the_money_for_one():
    """The climb ends before its first rung, and says with what it goes on."""
    embedder = BaseModel(name="e5", revision="r5", trainable=False, price=PRICE)
    project = replace(
        playbook.project(A, B, price=PRICE, budget=Budget(micro_dollars=20)),
        router_embedder=embedder,
    )
    step = steps.FitRouter(tasks=("a", "b"))
    poor = Case(project=project, evidence=Evidence())
    assert budgeting.exceeds(poor, step)
    stopped = budgeting.stop(poor, step).event
    assert (stopped.reason, stopped.rung) == ("budget", "prompt")
    rich = replace(project, budget=Budget(micro_dollars=10**6))
    assert not budgeting.exceeds(Case(project=rich, evidence=Evidence()), step)
    plain = replace(project, router_embedder=None)
    assert not budgeting.exceeds(Case(project=plain, evidence=Evidence()), step)
