"""Trainings at a provider: their recipe, and the most that they cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder import budgeting, hosting, rating
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Train
from escalera.domain.hosting import HostedJob
from escalera.domain.identity import digest_of
from escalera.domain.levers import Hyperparameters
from escalera.domain.message import Message
from escalera.domain.project import Budget, Hosting
from escalera.domain.recipe import Ingredient, TrainingPair
from escalera.domain.system import Prompt
from escalera.testing import playbook

TASK = playbook.task("a", items={"train": 2, "search": 20, "confirm": 80})
ASKED = Hosting(hyperparameters=Hyperparameters(n_epochs=2), price=3_000_000)
PROJECT = replace(playbook.project(TASK), hosting=ASKED)
ITEMS = PROJECT.tasks[0].items("train")
PART = Ingredient(
    task="a",
    prompt=Prompt(system="Say."),
    examples=2,
    data=digest_of([item.digest for item in ITEMS]),
)
RECIPE = hosting.recipe(PROJECT, [PART])


def begun(state: str) -> HostedJob:
    return HostedJob(recipe=RECIPE.digest, endpoint="u", job="j", state=state, micro_dollars=9)


def test_a_recipe_for_a_provider() -> None:
    """It is another than that of a training here, and has no learning rate to be found."""
    here = replace(PROJECT, hosting=None)
    assert RECIPE.hosted == ASKED.hyperparameters
    assert (RECIPE.levers.epochs, RECIPE.levers.learning_rate) == (2, None)
    assert rating.step(fold([]), "lora", RECIPE) is None
    assert rating.settled(fold([]), RECIPE) == RECIPE
    assert here.levers != RECIPE.levers


def test_tokens_by_hand() -> None:
    """A byte is at most a token; each turn may be framed by eight, and every epoch counts."""
    pair = TrainingPair(messages=(Message(role="user", content="äb"),), target="xyz")
    assert hosting.tokens([pair], RECIPE) == 2 * (3 + 8 + 3 + 16)
    both = replace(pair, rejected="no")
    assert hosting.tokens([both], RECIPE) == 2 * (3 + 8 + 3 + 2 + 16)


def test_charges_are_rounded_up() -> None:
    """What is not known is not 0."""
    assert hosting.charge(PROJECT, 1) == 3
    cheap = replace(PROJECT, hosting=replace(ASKED, price=1))
    assert hosting.charge(cheap, 1) == 1
    assert hosting.charge(replace(PROJECT, hosting=replace(ASKED, price=None)), 1) is None


@pytest.mark.parametrize(("spare", "exceeds"), [(0, False), (-1, True)])
def test_a_job_that_could_break_the_cap_is_not_begun(spare: int, exceeds: bool) -> None:  # noqa: FBT001
    """To the last micro-dollar; one that runs already is waited for all the same."""
    step = Train(rung="lora", recipe=RECIPE, until=1.0)
    most = hosting.most(Case(project=PROJECT, evidence=fold([])), RECIPE).micro_dollars
    assert most > 0
    project = replace(PROJECT, budget=Budget(micro_dollars=most + spare))
    assert budgeting.exceeds(Case(project=project, evidence=fold([])), step) is exceeds
    after = Case(project=project, evidence=fold([begun("begun")]))
    assert not budgeting.exceeds(after, step)
    again = Case(project=PROJECT, evidence=fold([begun("failed")]))
    assert hosting.most(again, RECIPE).micro_dollars == most
