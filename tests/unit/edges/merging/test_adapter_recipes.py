"""Adapters merged as a recipe says."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from blake3 import blake3
from tests.unit.edges.merging.folders import adapter, change, loaded

from escalera.core.merging.recipe import Conditional, Recipe, Slice, Source
from escalera.edges.merging import adapter_recipes
from escalera.errors import MergeError


@pytest.fixture
def folders(tmp_path):
    """Two adapters, one of each scale."""
    return {
        "a": adapter(tmp_path / "a", 0),
        "b": adapter(tmp_path / "b", 1, rank=2, use_rslora=True),
    }


def recipe(method, **settings):
    """Both adapters with the same parameters, or with those of their name."""
    sources = tuple(
        Source(model=name, settings=tuple(settings.get(name, {}).items())) for name in "ab"
    )
    common = tuple((key, value) for key, value in settings.items() if key not in "ab")
    return Recipe(method=method, slices=(Slice(sources=sources),), settings=common)


def merge(asked, folders, into, rank=None):
    """Merge into a folder."""
    return adapter_recipes.merge_recipe(asked, folders, rank=rank, into=into)


def test_weights_differ_by_layer_and_by_filter(folders, tmp_path):
    """Gradients go from the first layer to the last, filters look at the layer's name."""
    asked = recipe(
        "concatenate",
        a={"weight": (1.0, 0.5)},
        b={"weight": (Conditional(filter="layers.1", value=0.3), Conditional(value=2.0))},
    )
    found = merge(asked, folders, tmp_path / "out")
    for layer, (one, two) in enumerate([(1.0, 2.0), (0.5, 0.3)]):
        wanted = one * change(folders["a"], layer) + two * change(folders["b"], layer)
        np.testing.assert_allclose(change(tmp_path / "out", layer), wanted, rtol=1e-5, atol=1e-5)
    assert found.error == 0
    assert found.tensors == 4


def test_a_lower_rank_has_its_error_told_and_noted(folders, tmp_path):
    """In the outcome and in the lineage beside the weights."""
    found = merge(recipe("linear", weight=0.5), folders, tmp_path / "out", rank=1)
    assert 0.1 < found.error < 1
    lineage = json.loads((tmp_path / "out" / "merge_lineage.json").read_text())
    assert lineage["error"] == found.error
    assert [entry["model"] for entry in lineage["inputs"]] == ["a", "b"]
    assert merge(recipe("linear", weight=0.5), folders, tmp_path / "again", rank=1).digest == (
        found.digest
    )


def test_random_methods_follow_the_seed(folders, tmp_path):
    """Another seed is another merge."""
    asked = recipe("dare_ties", weight=1.0, density=0.5)
    merge(asked, folders, tmp_path / "one")
    merge(asked, folders, tmp_path / "two")
    other = Recipe(method=asked.method, slices=asked.slices, settings=asked.settings, seed=1)
    merge(other, folders, tmp_path / "three")
    found = [change(tmp_path / name, 0) for name in ("one", "two", "three")]
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()


def test_one_adapter_of_weight_one_is_copied(folders, tmp_path):
    """DoRA too, which can take part in nothing else."""
    dora = adapter(tmp_path / "dora", 2, use_dora=True)
    one = Recipe(
        method="linear",
        slices=(Slice(sources=(Source(model="d", settings=(("weight", 1.0),)),)),),
    )
    merge(one, {"d": dora}, tmp_path / "out")
    name = "adapter_model.safetensors"
    assert (tmp_path / "out" / name).read_bytes() == (dora / name).read_bytes()
    with pytest.raises(MergeError, match="use_dora=True, which cannot be merged exactly"):
        merge(recipe("linear", weight=1.0), folders | {"b": dora}, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert not list(tmp_path.glob(".other*"))


def test_what_adapters_cannot_do_is_refused(folders, tmp_path):
    """Methods of whole models, slices, a base, a folder that is taken."""
    with pytest.raises(MergeError, match="adapters cannot be merged by 'nearswap'"):
        merge(recipe("nearswap"), folders, tmp_path / "out")
    based = Recipe(method="ties", slices=recipe("ties").slices, base="a")
    with pytest.raises(MergeError, match="their base is that of their training"):
        merge(based, folders, tmp_path / "out")
    with pytest.raises(MergeError, match="is there already"):
        merge(recipe("linear", weight=1.0), folders, folders["a"])


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_slerp_goes_along_the_arc_between_two_changes(folders, tmp_path, t):
    """From the first at 0 to the second at 1; shorter than both in its midst is only a line."""
    merge(recipe("slerp", t=t), folders, tmp_path / "out", rank=6)
    one, two = (change(folders[name], 0) for name in "ab")
    angle = np.arccos((one * two).sum() / np.linalg.norm(one) / np.linalg.norm(two))
    wanted = (np.sin((1 - t) * angle) * one + np.sin(t * angle) * two) / np.sin(angle)
    np.testing.assert_allclose(change(tmp_path / "out", 0), wanted, atol=1e-4)


def test_wise_ft_takes_a_part_of_one_change(folders, tmp_path):
    """Between nothing, which is the base, and the adapter."""
    one = Recipe(
        method="wise_ft", slices=(Slice(sources=(Source(model="a"),)),), settings=(("alpha", 0.25),)
    )
    merge(one, {"a": folders["a"]}, tmp_path / "out")
    np.testing.assert_allclose(
        change(tmp_path / "out", 1), 0.25 * change(folders["a"], 1), atol=1e-5
    )


@pytest.mark.parametrize(
    ("method", "settings", "said"),
    [
        ("linear", {"weight": 1.0, "densty": 0.5}, "no parameter 'densty'"),
        ("ties", {"weight": 1.0, "density": 3.0}, r"density is 3\.0 for .*must lie from 0 to 1"),
        ("linear", {"weight": float("inf")}, "weight is inf for .*Give a finite number"),
        ("multislerp", {"a": {"weight": 1.0}, "b": {"weight": -1.0}}, "add up to 0"),
    ],
)
def test_parameters_are_checked_as_those_of_models(folders, tmp_path, method, settings, said):
    """A slip, what is out of range, what is no number; nothing is left."""
    with pytest.raises(MergeError, match=said):
        merge(recipe(method, **settings), folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_makes_no_difference_is_told(folders, tmp_path):
    """Parameters of other methods, the kind of the numbers, a tokenizer; also in the lineage."""
    asked = dataclasses.replace(
        recipe("linear", weight=0.5, normalize=True), kind="BF16", tokens="base"
    )
    found = merge(asked, folders, tmp_path / "out")
    assert found.notes == (
        "dtype has no effect on adapters",
        "tokenizer_source has no effect on adapters",
        "normalize has no effect on linear",
    )
    lineage = json.loads((tmp_path / "out" / "merge_lineage.json").read_text())
    assert lineage["notes"] == list(found.notes)


def test_the_lineage_has_a_digest_of_every_tensor(folders, tmp_path):
    """And where the method comes from, as that of models."""
    merge(recipe("knots_ties", weight=0.5), folders, tmp_path / "out")
    lineage = json.loads((tmp_path / "out" / "merge_lineage.json").read_text())
    held = loaded(tmp_path / "out")
    assert lineage["tensors"] == {
        name: blake3(values.tobytes()).hexdigest() for name, values in held.items()
    }
    assert "arXiv" in lineage["method"]["source"]


@pytest.mark.parametrize(
    ("method", "names", "said"),
    [
        ("nuslerp", "a", "takes 2 models, not 1"),
        ("nuslerp", "abc", "takes 2 models, not 3"),
        ("slerp", "a", "takes 2 models, not 1"),
        ("wise_ft", "ab", "takes 1 models, not 2"),
        ("model_stock", "a", "takes at least 2 models, not 1"),
        ("linear", "aa", "'a' stands twice"),
    ],
)
def test_too_few_and_too_many_adapters_are_refused(folders, tmp_path, method, names, said):
    """As models are."""
    folders["c"] = adapter(tmp_path / "c", 2)
    sources = tuple(Source(model=name, settings=(("weight", 1.0),)) for name in names)
    asked = Recipe(method=method, slices=(Slice(sources=sources),))
    with pytest.raises(MergeError, match=said):
        merge(asked, folders, tmp_path / "out")


@pytest.mark.parametrize("method", ["task_arithmetic", "karcher", "model_stock"])
def test_methods_about_a_base_take_nothing_for_it(folders, tmp_path, method):
    """On products of equal adapters they give that product, as the sum does with shares of it."""
    again = {"a": folders["a"], "b": shutil.copytree(folders["a"], tmp_path / "again")}
    settings = {"weight": 0.5} if method == "task_arithmetic" else {}
    merge(recipe(method, **settings), again, tmp_path / "out")
    for layer in range(2):
        wanted = change(folders["a"], layer)
        np.testing.assert_allclose(change(tmp_path / "out", layer), wanted, rtol=1e-4, atol=1e-4)
