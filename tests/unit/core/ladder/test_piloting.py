"""Pilots as a plan: several bases, each pilot trained once and measured, then a choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import Evidence
from escalera.core.finetuning.effort import FEWEST_STEPS
from escalera.core.finetuning.pilots import STAY
from escalera.core.ladder import piloting, steps
from escalera.core.ladder.piloting import Asking, Economy
from escalera.domain.levers import Levers
from escalera.domain.project import Budget, ModelPrice
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck

TASK = playbook.task("a", items={"train": 512, "search": 100, "confirm": 10})
PLAIN = playbook.project(TASK, policy=DECLARED)
BASES = (PLAIN.model, *(replace(PLAIN.model, name=n, revision=f"r {n}") for n in ("good", "bad")))
PROJECT = piloting.everything(PLAIN, BASES)
ASKING = Asking(task="a", bases=BASES, economy=Economy())
TOPS = {"base": 0.75, "good": 0.98, "bad": 0.6}


def answers(system, item):
    """Right at a rate that grows with the examples in the adapter's name."""
    if system.adapter is None:
        return float(luck(item) < 0.4)
    taught = int(system.adapter.partition(" ")[2].split(")")[0])
    return float(luck(item) < TOPS[system.model] - 1.1 * taught**-0.45)


def followed(project=PROJECT, asking=ASKING, evidence=None, at_most=1000):
    """All steps until there is nothing left to do, or so many."""
    evidence, done = evidence or Evidence(), []
    while len(done) < at_most and (step := piloting.next_step(project, evidence, asking)):
        done.append(step)
        for event in playbook.perform(step, project=project, evidence=evidence, answers=answers):
            evidence.apply(event)
    return done, evidence


def test_what_answers_now_is_measured_first_and_every_base_begins_alike() -> None:
    """Three pilots of each base, on nested subsets of one order, then those that are worth it."""
    done, _ = followed()
    first = done[0]
    assert isinstance(first, steps.Evaluate)
    assert {call.system.adapter for call in first.calls} == {None}
    recipes = [step.recipe for step in done if isinstance(step, steps.Train)]
    opened = [(r.model, r.ingredients[0].examples, r.ingredients[0].order) for r in recipes[:9]]
    assert opened == [(base.name, n, 1) for n in (4, 8, 16) for base in BASES]
    assert len({recipe.digest for recipe in recipes}) == len(recipes)
    assert {recipe.levers.fewest_steps for recipe in recipes} == {FEWEST_STEPS}
    for step in done:
        if isinstance(step, steps.Evaluate):
            assert len({call.system.model for call in step.calls}) == 1


def test_the_better_base_is_found_and_staying_is_among_the_answers() -> None:
    """With the largest pilot of each, the forecasts, and why there is no further one."""
    _, evidence = followed()
    found = piloting.found(PROJECT, evidence, ASKING)
    assert found is not None
    assert found.options[0].name == "good"
    assert {option.name for option in found.options} == {STAY, *TOPS}
    assert found.standing.score == pytest.approx(0.4, abs=0.02)
    assert found.next.base is None
    assert found.next.reason is not None
    assert found.read <= 0.35  # the opening alone is 56 of 512
    assert all(effort.training_money is None for effort in found.efforts.values())


def test_a_plan_that_was_cut_off_anywhere_goes_on_where_it_was() -> None:
    """The same steps in the same order, whatever was there before."""
    whole, _ = followed()
    for cut in (1, 4, 9, len(whole) - 1):
        before, evidence = followed(at_most=cut)
        after, _ = followed(evidence=evidence)
        assert [*before, *after] == whole
    assert followed(evidence=followed()[1])[0] == []


def test_with_prices_the_worth_of_a_pilot_is_held_against_its_price() -> None:
    """Dear hours end the pilots after the opening; cheap ones have no bound but their worth."""

    def trained(hour: float) -> tuple[int, piloting.Found]:
        asking = replace(ASKING, economy=Economy(point=1.0, answers=1000, hour=hour))
        done, evidence = followed(asking=asking)
        found = piloting.found(PROJECT, evidence, asking)
        assert found is not None
        return sum(isinstance(step, steps.Train) for step in done), found

    few, dear = trained(1e9)
    many, cheap = trained(1e-6)
    assert few == 9
    assert many > few
    assert dear.terms.share is None
    assert dear.next.reason == "nothing is worth its price"
    assert dear.options[0].name == STAY
    assert cheap.options[0].name == "good"
    assert cheap.efforts["good"].training_money is not None
    assert cheap.efforts["good"].answers_money is not None


def test_the_price_of_serving_is_that_of_the_tokens_where_a_model_has_one() -> None:
    """And unknown where neither the model nor the hour has one."""
    priced = tuple(replace(b, price=ModelPrice(prompt=10**6, completion=10**6)) for b in BASES)
    project = replace(PROJECT, model=priced[0], bases=priced[1:])
    asking = replace(ASKING, bases=priced, economy=Economy(answers=1000, months=2.0))
    _, evidence = followed(project=project, asking=asking)
    found = piloting.found(project, evidence, asking)
    assert found is not None
    assert (found.efforts["good"].answers_money or 0.0) > 0.0
    _, evidence = followed()
    found = piloting.found(PROJECT, evidence, ASKING)
    assert found is not None
    assert found.efforts["good"].answers_money is None


def test_the_caps_end_it() -> None:
    """Calls that would not fit are not begun, and there is no forecast."""
    project = replace(PROJECT, budget=Budget(calls=250))
    done, evidence = followed(project=project)
    assert evidence.spent.calls <= 250
    assert len(done) < 10
    assert piloting.found(project, evidence, ASKING) is None


def test_an_open_rate_is_found_for_each_base_on_its_largest_opening_pilot() -> None:
    """Not on all examples, which is what pilots spare; the climb's own question stays open."""
    project = replace(PROJECT, levers=Levers(learning_rate=None))
    done, _ = followed(project=project)
    tried = [step.recipe for step in done if isinstance(step, steps.TryRate)]
    assert {recipe.model for recipe in tried} == set(TOPS)
    assert {recipe.ingredients[0].examples for recipe in tried} == {16}
    assert {recipe.levers.seed for recipe in tried} == {project.policy.seed + 1}
    rates = {s.recipe.levers.learning_rate for s in done if isinstance(s, steps.Train)}
    assert list(rates) == [pytest.approx(1e-3)]
