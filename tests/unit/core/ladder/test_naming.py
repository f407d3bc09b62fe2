"""Names of systems: rungs, the decision, models, and models with a rung's prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.naming import Models, concerned, resolve
from escalera.domain.finetuned import Finetuned
from escalera.domain.levers import Levers, Trainable
from escalera.domain.project import BaseModel
from escalera.domain.recipe import TrainingRecipe
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


CLIMBED_EVENTS = simulate(PROJECT, answers).events
CLIMBED = fold(CLIMBED_EVENTS)


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


def test_a_finetuned_model_takes_over_the_tasks_of_its_gate():
    """Under the prompts in service; other tasks are served as before."""
    made = finetuned_by(PROJECT.model, tasks=("a",))
    evidence = fold([*CLIMBED_EVENTS, made])
    served, found = named("served", evidence), named(made.name, evidence)
    assert found == named(made.adapter[:6], evidence)
    assert found.system("a") == replace(served.system("a"), adapter=made.adapter)
    assert found.system("b") == served.system("b")
    assert [task.name for task in concerned(made.name, PROJECT, evidence)] == ["a"]
    assert concerned("lora", PROJECT, evidence) == PROJECT.tasks


def test_without_a_gate_and_without_a_service_it_takes_over_everything():
    """Over the project's own model, told all that the project says."""
    made = finetuned_by(LARGE)
    evidence = fold([made])
    found, base = named(made.name, evidence), named("base", evidence)
    assert [branch.task for branch in found.branches] == ["a", "b"]
    for task in "ab":
        assert found.system(task).adapter == made.adapter
        assert (found.system(task).model, found.system(task).revision) == ("large", "r9")
        assert found.system(task).prompt == base.system(task).prompt
    assert concerned(made.name, PROJECT, evidence) == PROJECT.tasks


def test_what_was_finetuned_from_other_weights_is_refused():
    """The name means nothing over another base."""
    made = finetuned_by(replace(LARGE, revision="r8"))
    with pytest.raises(InputError, match="other weights now"):
        named(made.name, fold([made]))


def finetuned_by(model, tasks=()):
    """What a job left over *model*."""
    recipe = TrainingRecipe(
        model=model.name,
        revision=model.revision,
        ingredients=(),
        trainable=Trainable(),
        levers=Levers(),
    )
    return Finetuned(
        job="ftjob-1",
        name="ft:base:polite:1",
        recipe=recipe,
        adapter="e" * 64,
        tasks=tasks,
        files=("file-1",),
        steps=1,
        examples=1,
    )
