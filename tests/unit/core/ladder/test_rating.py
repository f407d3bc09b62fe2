"""A climb whose learning rate is open: tried in short trainings, found once, then used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import Evidence
from escalera.core.ladder import rating, steps
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import RateTried
from escalera.errors import TrainingError
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck

RECIPE = TrainingRecipe(
    model="base",
    revision="r1",
    ingredients=(),
    trainable=Trainable(),
    levers=Levers(learning_rate=None),
)


def test_the_rate_is_found_before_the_first_training_and_only_once() -> None:
    """All trials come before a training, and the other trainings use what was found."""
    a, b = playbook.task("a"), playbook.task("b")
    project = playbook.project(a, b, policy=replace(DECLARED, rungs=("prompt", "lora", "mixture")))
    project = replace(project, levers=Levers(learning_rate=None))

    def answers(system, item):
        rate = {"a": 0.3, "b": 0.96} if system.adapter is None else {"a": 0.96, "b": 0.3}
        return float(luck(item) < rate[item.task])

    found = playbook.simulate(project, answers)
    kinds = [type(step) for step in found.steps if isinstance(step, steps.TryRate | steps.Train)]
    assert kinds == [steps.TryRate] * 10 + [steps.Train] * 2
    trained = [step.recipe for step in found.steps if isinstance(step, steps.Train)]
    assert [recipe.levers.learning_rate for recipe in trained] == [pytest.approx(1e-3)] * 2
    assert found.evidence.spent.training_tokens == 10 * 10 + sum(
        part.tokens for parts in found.evidence.trained.values() for part in parts
    )


def test_a_rate_that_was_said_is_not_looked_for() -> None:
    """No trial, and the recipe stays as it is."""
    said = replace(RECIPE, levers=Levers(learning_rate=0.1))
    assert rating.step(Evidence(), "lora", said) is None
    assert rating.settled(Evidence(), said) == said


def test_the_question_is_of_model_weights_and_levers() -> None:
    """Other data share the answer; another rank asks anew."""
    assert rating.question(RECIPE) == rating.question(
        replace(RECIPE, levers=replace(RECIPE.levers, learning_rate=0.1))
    )
    other = replace(RECIPE, trainable=Trainable(rank=4))
    assert rating.question(RECIPE) != rating.question(other)


def test_when_every_rate_diverges_the_remedy_is_told() -> None:
    """It is the data or the model, and no rate."""
    evidence = Evidence()
    while isinstance(step := _step(evidence), steps.TryRate):
        evidence.apply(
            RateTried(
                question=rating.question(RECIPE),
                rate=step.trial.rate,
                share=step.trial.share,
                loss=None,
                tokens=1,
                seconds=0.0,
            )
        )
    assert "every learning rate from 1e-05 on diverged" in str(step)


def _step(evidence: Evidence) -> steps.TryRate | TrainingError | None:
    try:
        return rating.step(evidence, "lora", RECIPE)
    except TrainingError as error:
        return error
