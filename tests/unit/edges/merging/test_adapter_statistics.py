"""Statistics beside adapters: what is merged by them, and what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.unit.edges.merging.folders import adapter, change, save

from escalera.core.merging.recipe import Recipe, Slice, Source
from escalera.edges.merging import adapter_recipes, adapter_statistics
from escalera.errors import MergeError

WEIGHTS = [f"model.layers.{layer}.mlp.up_proj.weight" for layer in range(2)]


@pytest.fixture
def folders(tmp_path):
    """Two adapters of rank 4 on layers of 12 outputs and 8 inputs."""
    return {name: adapter(tmp_path / name, seed) for seed, name in enumerate("ab")}


def write(folder, name, tensors):
    """A file of statistics."""
    file = folder / f"{name}-statistics.safetensors"
    save(file, {key: ("F32", values.astype(np.float32)) for key, values in tensors.items()})
    return file


def inner(seed):
    """The inner products of a layer's inputs."""
    x = np.random.default_rng(seed).standard_normal((40, 8))
    return x.T @ x


def merge(folders, into, method, statistics, rank=8, **settings):
    """Merge both with all that their products span."""
    sources = tuple(Source(model=name) for name in folders)
    asked = Recipe(
        method=method, slices=(Slice(sources=sources),), settings=tuple(settings.items())
    )
    return adapter_recipes.merge_recipe(asked, folders, rank=rank, into=into, statistics=statistics)


def test_regmean_merges_changes_as_it_merges_weights(folders, tmp_path):
    """The sum of W_i G_i over that of G_i, of changes; the layer without statistics is averaged."""
    products = [inner(seed) for seed in range(2)]
    files = {
        name: write(tmp_path, name, {WEIGHTS[0]: product})
        for name, product in zip("ab", products, strict=True)
    }
    found = merge(folders, tmp_path / "out", "regmean", files, shrink=1.0)
    one, two = (change(folders[name], 0) for name in "ab")
    wanted = (one @ products[0] + two @ products[1]) @ np.linalg.inv(products[0] + products[1])
    np.testing.assert_allclose(change(tmp_path / "out", 0), wanted, atol=1e-4)
    mean = (change(folders["a"], 1) + change(folders["b"], 1)) / 2
    np.testing.assert_allclose(change(tmp_path / "out", 1), mean, atol=1e-4)
    assert found.error < 1e-6
    lineage = json.loads((tmp_path / "out" / "merge_lineage.json").read_text())
    assert [one["model"] for one in lineage["inputs"]] == [
        "a", "b", "statistics of a", "statistics of b",
    ]  # fmt: skip


def test_fisher_weighs_each_change_by_how_much_it_matters(folders, tmp_path):
    """Element by element."""
    matters = [np.random.default_rng(seed).random((12, 8)) + 0.1 for seed in range(2)]
    files = {
        name: write(tmp_path, name, dict.fromkeys(WEIGHTS, values))
        for name, values in zip("ab", matters, strict=True)
    }
    merge(folders, tmp_path / "out", "fisher", files, rank=8)
    one, two = (change(folders[name], 1) for name in "ab")
    wanted = (one * matters[0] + two * matters[1]) / (matters[0] + matters[1])
    np.testing.assert_allclose(change(tmp_path / "out", 1), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("of_a", "of_b", "said"),
    [
        ({WEIGHTS[0]: (8, 8)}, None, "there is none for the model 'b'"),
        ({WEIGHTS[0]: (8, 8)}, {WEIGHTS[1]: (8, 8)}, "only some of the models' statistics"),
        ({WEIGHTS[0]: (12, 8)}, {WEIGHTS[0]: (12, 8)}, r"are \(12, 8\) of F32"),
        ({"up_proj": (8, 8)}, {WEIGHTS[0]: (8, 8)}, "Name them as the weights are named"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(folders, tmp_path, of_a, of_b, said):
    """Missing for one, for some layers, of another shape, under other names; nothing is left."""
    files = {
        name: write(tmp_path, name, {key: np.ones(shape) for key, shape in shapes.items()})
        for name, shapes in (("a", of_a), ("b", of_b))
        if shapes is not None
    }
    with pytest.raises(MergeError, match=said):
        merge(folders, tmp_path / "out", "regmean", files)
    assert not (tmp_path / "out").exists()


def test_statistics_that_nothing_reads_are_told(folders, tmp_path):
    """By a method without them, and of layers that the adapters do not change."""
    every = dict.fromkeys((*WEIGHTS, "lm_head.weight"), inner(0))
    files = {name: write(tmp_path, name, every) for name in "ab"}
    assert merge(folders, tmp_path / "ties", "ties", files, weight=0.5).notes == (
        "statistics of a have no effect on ties",
        "statistics of b have no effect on ties",
    )
    notes = merge(folders, tmp_path / "regmean", "regmean", files).notes
    assert notes[0].startswith("statistics of a hold 1 tensors that nothing reads")


def test_the_weight_of_a_layer():
    """As the model names it, with what PEFT writes before it or without."""
    said = ("base_model.model.model.layers.0.q_proj", "model.layers.0.q_proj")
    assert {adapter_statistics.weight_of(name) for name in said} == {"model.layers.0.q_proj.weight"}
