"""What the tables of a project file mean to the planner."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from escalera.domain.contract import LOCAL_MODES, REMOTE_MODES
from escalera.domain.optimiser import Optimiser
from escalera.domain.project import RUNGS
from escalera.settings import policies
from escalera.settings.tables import (
    BudgetTable,
    ClimbTable,
    ModelTable,
    ProjectFile,
    ProjectTable,
    SearchTable,
)
from escalera.settings.training_table import TrainingTable
from escalera.testing import playbook

PLAIN = playbook.task("a")
FORMED = replace(PLAIN, schema="{}")
MODEL = playbook.project(PLAIN).model


def tables(**climb):
    return ProjectFile(
        project=ProjectTable(name="p", seed=7, confidence=0.9),
        models={"base": ModelTable(path="m")},
        climb=ClimbTable(model="base", **climb),
        tasks={},
        budget=BudgetTable(money=1.5, calls=9),
        training=TrainingTable(checkpoints=5),
    )


def rungs(found, model=MODEL, tasks=(PLAIN,)):
    return set(policies.policy(found, model, tasks).rungs)


def test_rungs_that_lack_what_they_need_are_left_out():
    """A schema, a model that writes prompts, weights: each rung says what it needs."""
    assert rungs(tables()) == set(RUNGS) - {"structured", "search"}
    assert rungs(tables(), tasks=(PLAIN, FORMED)) == set(RUNGS) - {"search"}
    assert rungs(tables(proposer="writer"), tasks=(FORMED,)) == set(RUNGS)
    remote = replace(MODEL, trainable=False)
    assert rungs(tables(), model=remote, tasks=(FORMED,)) == {"prompt", "examples", "structured"}
    assert rungs(tables(rungs=["prompt", "structured"]), tasks=(FORMED,)) == {
        "prompt",
        "structured",
    }


def test_vllm_is_given_adapters_and_no_weights():
    """The rung that trains all weights is left out with it."""
    served = {"base": ModelTable(path="m", engine="vllm")}
    found = msgspec.structs.replace(tables(), models=served)
    assert rungs(found) == set(RUNGS) - {"structured", "search", "full"}


def test_numbers_are_taken_over_in_the_planners_units():
    """Alpha is what is left of the confidence; money is in micro-dollars."""
    found = tables()
    assert policies.policy(found, MODEL, ()).alpha == 0.1
    budget = policies.budget(found)
    assert (budget.micro_dollars, budget.calls, budget.tokens) == (1_500_000, 9, None)
    assert policies.policy(found, MODEL, ()).checkpoints == 5


def test_a_model_can_do_what_its_kind_can_or_what_its_table_says():
    """In the order in which modes are tried, whatever the order in the file."""
    assert policies.modes(ModelTable(path="model")) == LOCAL_MODES
    remote = ModelTable(base_url="https://h/v1", model="m")
    assert policies.modes(remote) == REMOTE_MODES
    named = ModelTable(base_url="https://h/v1", model="m", output=["tools", "prompt"])
    assert policies.modes(named) == ("prompt", "tools")
    assert policies.modes(ModelTable(path="model", output=[])) == ()


def test_another_tool_searches_only_where_it_is_named():
    """With its calls; the default is a thousand."""
    assert policies.optimiser(tables()) is None
    found = policies.optimiser(tables(search=SearchTable(optimiser="gepa")))
    assert found == Optimiser(name="gepa", calls=1000)
