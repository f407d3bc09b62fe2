"""Names of systems: rungs, the decision, models, and models with a rung's prompts."""

from __future__ import annotations

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.naming import Models, resolve
from escalera.domain.project import BaseModel
from escalera.errors import InputError
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

PROJECT = playbook.project(playbook.task("a"), playbook.task("b"))
LARGE = BaseModel(name="large", revision="r9", trainable=False, price=None)
MODELS = Models(
    names=("base", "large"), find=lambda name: LARGE if name == "large" else PROJECT.model
)


def answers(system, item):
    """An adapter for a mends it; nothing else is wrong."""
    if item.task == "a":
        return float(luck(item) < (0.96 if system.adapter else 0.3))
    return float(luck(item) < 0.96)


CLIMBED = simulate(PROJECT, answers).evidence


def named(name, evidence=CLIMBED):
    return resolve(name, PROJECT, evidence, MODELS)


def test_a_rung_is_what_it_put_forward():
    """By its name, or by the beginning of its digest."""
    route = CLIMBED.nominee("lora")
    assert named("lora") == route
    assert named(route.digest[:6]) == route
    assert named("served") == route == CLIMBED.route(CLIMBED.stopped[-1].route)


def test_a_model_is_told_everything():
    """One system per task, without adapter, on the model that was named."""
    route = named("large")
    assert [branch.task for branch in route.branches] == ["a", "b"]
    for branch in route.branches:
        assert (branch.system.model, branch.system.revision) == ("large", "r9")
        assert branch.system.adapter is None
        parts = PROJECT.task(branch.task).parts
        assert parts.instruction in branch.system.prompt.system
        assert parts.rules in branch.system.prompt.system


def test_a_model_with_the_prompts_of_a_rung():
    """The prompts go over, the adapter stays with the model that it was made for."""
    route, prompted = named("large@lora"), CLIMBED.nominee("lora")
    assert [b.system.prompt for b in route.branches] == [b.system.prompt for b in prompted.branches]
    assert {b.system.model for b in route.branches} == {"large"}
    assert route.adapters() == ()


@pytest.mark.parametrize("name", ["", "nope", "merge", "large@merge", "large@nope", "abc", "@lora"])
def test_what_is_not_there_is_told_with_what_is(name):
    """The message names the models and the rungs of this climb."""
    with pytest.raises(InputError, match="no system") as caught:
        named(name)
    assert "base, large" in str(caught.value)
    assert "prompt, examples, lora" in str(caught.value)


def test_before_a_climb_there_are_only_models():
    """And the message says what to run."""
    with pytest.raises(InputError, match="escalera climb"):
        named("lora", fold([]))
    assert named("base", fold([])).branches
