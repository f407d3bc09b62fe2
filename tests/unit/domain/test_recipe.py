"""Plans that make adapters are known by content."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import (
    Ingredient,
    MergePlan,
    TrainingRecipe,
    WeightedAdapter,
)
from escalera.domain.system import Prompt

PART = Ingredient(task="a", prompt=Prompt(), examples=3, data="d")
RECIPE = TrainingRecipe(
    model="base", revision="r1", ingredients=(PART,), trainable=Trainable(), levers=Levers()
)
PLAN = MergePlan(
    method="ties",
    adapters=(WeightedAdapter(adapter="x", weight=1.0), WeightedAdapter(adapter="y", weight=0.5)),
    density=0.5,
)


def test_every_lever_makes_another_recipe():
    """Equal plans are never run twice, so unequal ones must differ in digest."""
    made = [RECIPE.digest]
    for part in ("trainable", "levers"):
        found = getattr(RECIPE, part)
        for field in fields(found):
            value = getattr(found, field.name)
            other = value + 1 if isinstance(value, int | float) else f"other {value}"
            made.append(replace(RECIPE, **{part: replace(found, **{field.name: other})}).digest)
    made.append(replace(RECIPE, objective="preference").digest)
    made.append(replace(RECIPE, beta=0.2).digest)
    assert len(set(made)) == len(fields(Trainable)) + len(fields(Levers)) + 3


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
