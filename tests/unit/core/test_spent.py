"""What trainings at a provider count for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.spent import Spent
from escalera.domain.hosting import HostedJob
from escalera.domain.levers import Hyperparameters, Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import Trained

RECIPE = TrainingRecipe(
    model="m",
    revision="r",
    ingredients=(),
    trainable=Trainable(),
    levers=Levers(learning_rate=None),
    hosted=Hyperparameters(n_epochs=1),
)
BEGUN = HostedJob(recipe=RECIPE.digest, endpoint="u", job="j", state="begun", micro_dollars=900)
TRAINED = Trained(
    recipe=RECIPE,
    adapter="a",
    log="l",
    steps=1,
    planned=1,
    curve=(),
    layout="hosted",
    tokens=100,
    examples=3,
    parameters=0,
    seconds=5.0,
    job="j",
    made="ft:m",
    micro_dollars=300,
)


def test_the_most_counts_until_the_price_is_known() -> None:
    """A job that runs counts at its worst; when it ended, at what it was."""
    assert fold([BEGUN]).spent.micro_dollars == 900
    found = fold([BEGUN, TRAINED]).spent
    assert (found.micro_dollars, found.training_tokens, found.seconds) == (300, 100, 5.0)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_ended_without_a_model(state: str) -> None:
    """What it did cost stays; the next job counts besides."""
    ended = replace(BEGUN, state=state, micro_dollars=40)
    again = replace(BEGUN, job="k")
    assert fold([BEGUN, ended]).spent.micro_dollars == 40
    assert fold([BEGUN, ended, again]).spent.micro_dollars == 940
    assert fold([BEGUN, ended, again, TRAINED]).spent.micro_dollars == 340


def test_an_unknown_price_is_not_0() -> None:
    """Neither while the job runs nor when it ended."""
    unknown = replace(BEGUN, micro_dollars=None)
    assert fold([unknown]).spent.micro_dollars is None
    assert fold([unknown, replace(TRAINED, micro_dollars=None)]).spent.micro_dollars is None
    assert fold([unknown, TRAINED]).spent.micro_dollars == 300
    assert Spent().micro_dollars == 0
