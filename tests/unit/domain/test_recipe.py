"""Plans that make adapters are known by content."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from escalera.domain.recipe import (
    Ingredient,
    LoraLevers,
    MergePlan,
    TrainingRecipe,
    WeightedAdapter,
)
from escalera.domain.system import Prompt

PART = Ingredient(task="a", prompt=Prompt(), examples=3, data="d")
RECIPE = TrainingRecipe(model="base", revision="r1", ingredients=(PART,), levers=LoraLevers())
PLAN = MergePlan(
    method="ties",
    adapters=(WeightedAdapter(adapter="x", weight=1.0), WeightedAdapter(adapter="y", weight=0.5)),
    density=0.5,
)


def test_every_lever_makes_another_recipe():
    """Equal plans are never run twice, so unequal ones must differ in digest."""
    made = [RECIPE.digest]
    for field in fields(LoraLevers):
        value = getattr(RECIPE.levers, field.name)
        other = ("q_proj",) if field.name == "targets" else value + 1
        made.append(replace(RECIPE, levers=replace(RECIPE.levers, **{field.name: other})).digest)
    assert len(set(made)) == len(fields(LoraLevers)) + 1


@pytest.mark.parametrize(
    "part",
    [
        replace(PART, task="b"),
        replace(PART, prompt=Prompt(system="x")),
        replace(PART, examples=4),
        replace(PART, data="e"),
    ],
)
def test_every_ingredient_counts(part):
    """Task, prompt, number and content of the examples."""
    assert replace(RECIPE, ingredients=(part,)).digest != RECIPE.digest


def test_model_and_revision_count():
    """An adapter belongs to one base model."""
    others = {replace(RECIPE, model="other").digest, replace(RECIPE, revision="r2").digest}
    assert len(others | {RECIPE.digest}) == 3


def test_merge_plans_differ_in_method_weights_order_and_density():
    """All four change the merged adapter."""
    plans = [
        PLAN,
        replace(PLAN, method="linear"),
        replace(PLAN, density=0.6),
        replace(PLAN, adapters=PLAN.adapters[::-1]),
        replace(PLAN, adapters=(replace(PLAN.adapters[0], weight=0.9), PLAN.adapters[1])),
    ]
    assert len({plan.digest for plan in plans}) == len(plans)
