"""Data need as a plan: nested subsets, each trained once and measured, then a forecast."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import Evidence
from escalera.core.finetuning.data_need import Question
from escalera.core.finetuning.effort import FEWEST_STEPS
from escalera.core.ladder import materials, needing, steps
from escalera.core.ladder.needing import Asking
from escalera.domain.identity import digest_of
from escalera.domain.levers import Levers
from escalera.errors import InputError
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck

ITEMS = {"train": 128, "search": 200, "confirm": 10}
TASK = playbook.task("a", items=ITEMS)
PROJECT = playbook.project(TASK, policy=DECLARED)
ASKING = Asking(task="a", question=Question(bar=0.85, most=2000, cost_per_example=0.4), trainings=9)


def rate(examples: int) -> float:
    """A learning curve that reaches .85 at some 320 examples."""
    return 0.95 - 1.1 * examples**-0.42


def answers(system, item):
    """Right at the rate of the number of examples in the adapter's name."""
    assert system.adapter is not None
    taught = int(system.adapter.partition(" ")[2].split(")")[0])
    return float(luck(item) < rate(taught))


def followed(project=PROJECT, asking=ASKING, evidence=None):
    """All steps until there is nothing left to do."""
    evidence = evidence or Evidence()
    done = []
    while (step := needing.next_step(project, evidence, asking)) is not None:
        done.append(step)
        for event in playbook.perform(step, project=project, evidence=evidence, answers=answers):
            evidence.apply(event)
    return done, evidence


def test_subsets_are_nested_and_every_training_is_measured_on_the_same_items() -> None:
    """One chain is one order: the smaller subset is the beginning of the larger."""
    done, _ = followed()
    recipes = [step.recipe for step in done if isinstance(step, steps.Train)]
    parts = [recipe.ingredients[0] for recipe in recipes]
    assert [(part.examples, part.order) for part in parts[:5]] == [
        (8, 0),
        (16, 0),
        (32, 0),
        (64, 0),
        (128, 0),
    ]
    assert {part.order for part in parts} >= {0, 1}
    assert len(parts) <= ASKING.trainings
    assert len({recipe.digest for recipe in recipes}) == len(recipes)
    asked = [step for step in done if isinstance(step, steps.Evaluate)]
    assert len(asked) == 5  # the playbook names adapters by their examples
    assert {tuple(call.item.id for call in step.calls) for step in asked} == {
        tuple(item.id for item in TASK.items("search"))
    }


@pytest.mark.parametrize("most", [5, 6])
def test_no_more_trainings_than_were_asked_for(most: int) -> None:
    """Also where a second chain would be begun: the sizes of the first one come before it."""
    done, evidence = followed(asking=replace(ASKING, trainings=most))
    trained = [step.recipe.ingredients[0] for step in done if isinstance(step, steps.Train)]
    assert len(trained) == most
    assert [part.examples for part in trained[:5]] == [8, 16, 32, 64, 128]
    found = needing.forecast(PROJECT, evidence, replace(ASKING, trainings=most))
    assert found.at_hand == 128


def test_the_forecast_rests_on_what_was_measured() -> None:
    """More data is needed, and about as much as the curve says."""
    _, evidence = followed()
    found = needing.forecast(PROJECT, evidence, ASKING)
    seen = needing.measured(PROJECT, evidence, ASKING)
    assert [one.examples for one in seen[:5]] == [8, 16, 32, 64, 128]
    assert found.at_hand == 128
    assert found.verdict == "more data"
    middle, lower, upper = found.more
    assert lower < 190 < (upper or 2000)
    assert 60 < middle < 600


def test_a_second_question_costs_nothing() -> None:
    """Another bar is answered from the same trainings; so is a command that is run again."""
    _, evidence = followed()
    assert followed(evidence=evidence)[0] == []
    other = replace(ASKING, question=Question(bar=0.5, most=2000))
    assert followed(asking=other, evidence=evidence)[0] == []
    assert needing.forecast(PROJECT, evidence, other).verdict == "enough"


def test_an_open_rate_is_found_first_and_once() -> None:
    """On all examples; then every training uses it."""
    project = replace(PROJECT, levers=Levers(learning_rate=None))
    done, _ = followed(project)
    kinds = [type(step) for step in done]
    assert kinds[:10] == [steps.TryRate] * 10
    assert steps.TryRate not in kinds[10:]
    fewest = {s.recipe.levers.fewest_steps for s in done if isinstance(s, steps.Train)}
    assert fewest == {FEWEST_STEPS}
    rates = {s.recipe.levers.learning_rate for s in done if isinstance(s, steps.Train)}
    assert list(rates) == [pytest.approx(1e-3)]


def test_examples_that_are_left_out_are_not_taught_here_either() -> None:
    """As in a climb: the recipe names them, and its data are the others."""
    bad = TASK.items("train")[3].id
    done, _ = followed(replace(PROJECT, without=(bad,)))
    parts = [step.recipe.ingredients[0] for step in done if isinstance(step, steps.Train)]
    whole = next(part for part in parts if part.examples == 128)
    taught = materials.taught(PROJECT, whole)
    assert bad not in [item.id for item in taught]
    assert whole.data == digest_of([item.digest for item in taught])


def test_too_few_examples_are_refused() -> None:
    """With how many it takes."""
    few = playbook.project(playbook.task("a"), policy=DECLARED)
    with pytest.raises(InputError, match="gather at least 32"):
        followed(few)
