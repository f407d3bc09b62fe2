"""Single tensors computed from files."""

import numpy as np
import pytest
from tests.unit.edges.merging.folders import floats, model, save, stored

from escalera.core.merging.recipe import Recipe, Slice, Source
from escalera.core.merging.streams import Spare
from escalera.edges.merging import whole_models
from escalera.errors import MergeError

WEIGHTS = (("weight", 0.5),)


def recipe(method="linear", base=None, **more):
    """Two models with weight one half."""
    sources = tuple(Source(model=name, settings=WEIGHTS) for name in ("a", "b"))
    return Recipe(method=method, slices=(Slice(sources=sources),), base=base, **more)


def test_a_search_asks_for_tensors_of_many_recipes_without_writing(tmp_path):
    """Models are opened once; the numbers are those of the definition, in float32."""
    folders = {name: model(tmp_path / name, seed, kind="F32") for seed, name in enumerate("ab")}
    one, two = floats(0), floats(1)
    with whole_models.opened(folders, {}) as models:
        for weight in (0.25, 0.5):
            sources = (
                Source(model="a", settings=(("weight", weight),)),
                Source(model="b", settings=(("weight", 1 - weight),)),
            )
            plan = models.plan(Recipe(method="linear", slices=(Slice(sources=sources),)))
            shop = models.shop(plan)
            for task in plan.tasks:
                parts = [part.copy() for part in shop.blocks(task, Spare())]
                wanted = weight * one[task.name] + (1 - weight) * two[task.name]
                found = np.concatenate(parts).reshape(task.shape)
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_what_rounding_costs_is_measured(tmp_path):
    """In float32 nothing, in bfloat16 about what its eight bits say."""
    folders = {name: model(tmp_path / name, seed, kind="F32") for seed, name in enumerate("abc")}
    found = {}
    with whole_models.opened(folders, {}) as models:
        for kind in ("F32", "BF16"):
            plan = models.plan(recipe("task_arithmetic", base="c", kind=kind))
            shop = models.shop(plan)
            written = [shop.write(task, Spare(), lambda *_: None) for task in plan.tasks]
            found[kind] = sum(w.rounded for w in written) / sum(w.changed for w in written)
    assert found["F32"] == 0
    # Errors are even over a unit in the last place: 2^-8 / sqrt(12) of a number, give or take.
    weights = np.concatenate([values.ravel() for values in floats(2).values()])
    changes = sum(
        0.5 * (floats(seed)["lm_head.weight"] - floats(2)["lm_head.weight"]) for seed in (0, 1)
    )
    expected = (2.0**-8 * weights).var() / 12 / changes.var()
    assert 0.3 * expected < found["BF16"] < 3 * expected


def test_flags_must_be_alike_to_be_copied(tmp_path):
    """Tensors without floats are the same in all models, or it is an error."""
    for seed, name in enumerate("ab"):
        model(tmp_path / name, seed)
        flags = ("BOOL", np.array([True, seed == 0]))
        save(tmp_path / name / "model.safetensors", stored(floats(seed), "BF16") | {"f": flags})
    with (
        whole_models.opened({n: tmp_path / n for n in "ab"}, {}) as models,
        pytest.raises(MergeError, match="'f' holds BOOL, which can only be copied"),
    ):
        models.shop(models.plan(recipe())).check_copies()
