"""Files that say how to merge: TOML, mergekit's YAML, and what is refused in either."""

import pytest

from escalera.core.merging.recipe import Conditional, Source
from escalera.errors import DataError
from escalera.settings import merge_recipe

MERGEKIT = """
slices:
  - sources:
      - model: psmathur/orca_mini_v3_13b
        layer_range: [0, 40]
      - model: garage-bAInd/Platypus2-13B
        layer_range: [0, 40]
merge_method: slerp
base_model: psmathur/orca_mini_v3_13b
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - filter: mlp
      value: [1, 0.5, 0.7, 0.3, 0]
    - value: 0.5 # fallback for rest of tensors
dtype: float16
"""
"""An example of mergekit's own documentation."""


def read(tmp_path, text, name="recipe.toml"):
    """Parse a text as a file."""
    (tmp_path / name).write_text(text)
    return merge_recipe.read(tmp_path / name)


def test_a_file_of_mergekit_is_read_as_it_is(tmp_path):
    """Slices, filters, values along the layers, the kind of numbers."""
    found = read(tmp_path, MERGEKIT, "recipe.yml").recipe
    assert (found.method, found.base, found.kind) == ("slerp", "psmathur/orca_mini_v3_13b", "F16")
    assert found.slices[0].sources[1] == Source(model="garage-bAInd/Platypus2-13B", layers=(0, 40))
    assert dict(found.settings)["t"] == (
        Conditional(filter="self_attn", value=(0, 0.5, 0.3, 0.7, 1)),
        Conditional(filter="mlp", value=(1, 0.5, 0.7, 0.3, 0)),
        Conditional(value=0.5),
    )


def test_toml_has_the_same_keys(tmp_path):
    """Folders are looked for beside the file first."""
    (tmp_path / "base").mkdir()
    found = read(
        tmp_path,
        """
        merge_method = "ties"
        base_model = "base"
        out_dtype = "bfloat16"
        dtype = "float32"
        tokenizer_source = "base"
        seed = 7

        [parameters]
        normalize = true
        lambda = 0.5

        [[models]]
        model = "one"
        parameters = { weight = "1e-1", density = [0.2, 0.6] }
        """,
    )
    assert found.recipe.settings == (("normalize", True), ("lambda", 0.5))
    assert found.recipe.slices[0].sources[0].settings == (("weight", 0.1), ("density", (0.2, 0.6)))
    assert (found.recipe.kind, found.recipe.tokens, found.recipe.seed) == ("BF16", "base", 7)
    assert found.folders["base"] == tmp_path / "base"
    assert str(found.folders["one"]) == "one"


def test_keys_that_hold_nothing_are_not_there(tmp_path):
    """As in YAML written by programs; and a name is read over, as mergekit does."""
    (tmp_path / "recipe.yml").write_text(
        "name: mine\nmerge_method: linear\nbase_model: null\nslices:\ndtype: ~\n"
        "models:\n- model: a\n  parameters:\n- model: b\n  layer_range: null\n"
        "parameters: {weight: 0.5, normalize: null}\n"
    )
    found = merge_recipe.read(tmp_path / "recipe.yml").recipe
    assert (found.models, found.base, found.kind) == (("a", "b"), None, None)
    assert found.settings == (("weight", 0.5),)


MODELS = '[[models]]\nmodel = "a"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('merge_method = "linear"', "either models or slices"),
        ("merge_method = 1\n" + MODELS, r"\$\.merge_method"),
        ('merge_method = "linear"\nmagic = 1\n' + MODELS, "unknown field `magic`.*Known keys are"),
        ('method = "linear"\n' + MODELS, "unknown field `method`.*Did you mean 'merge_method'"),
        ('merge_method = "linear"\ndtype = "int8"\n' + MODELS, "Invalid enum value 'int8'"),
        (
            'merge_method = "linear"\nchat_template = "auto"\n' + MODELS,
            "chat_template: is not supp",
        ),
        ('merge_method = "linear"\n[modules.x]\n', "modules: is not supported"),
        ('merge_method = "linear"\n[[models]]\nmodel = "a+b"\n', "a model and an adapter"),
        (
            'merge_method = "linear"\n' + MODELS + "layer_range = [0, 2]\n",
            "'a' must be given in sl",
        ),
        ('merge_method = "linear"\n' + MODELS + 'parameters = { weight = "x" }', "weight: is 'x'"),
        ('merge_method = "linear"\n' + MODELS + "parameters = { weight = [] }", "is an empty list"),
        (
            'merge_method = "linear"\n' + MODELS + "parameters = { weight = { filter = 'x' } }",
            "is no value by filter",
        ),
        ('merge_method = "linear"\nrank = 0\n' + MODELS, "rank: is 0. Give at least 1"),
        ("merge_method = ", "recipe.toml"),
    ],
)
def test_what_is_wrong_or_not_supported_is_named(tmp_path, text, said):
    """With the file and the key."""
    with pytest.raises(DataError, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_said(tmp_path):
    """As for any other input."""
    with pytest.raises(DataError, match="cannot be read"):
        merge_recipe.read(tmp_path / "nowhere.toml")
