"""What models must have in common, and the configuration of what comes out."""

import pytest
from tests.unit.core.merging.headers import model, recipe

from escalera.core.merging import fitting
from escalera.core.merging.recipe import Recipe, Slice, Source
from escalera.errors import MergeError


@pytest.mark.parametrize("key", ["model_type", "hidden_size", "tie_word_embeddings"])
def test_another_architecture_is_refused_with_the_key(key):
    """Both values and both names are in the message."""
    with pytest.raises(MergeError, match=f"{key} is .* in the model 'a' and 'x' in 'b'"):
        fitting.require_alike([model("a"), model("b", **{key: "x"})], whole=True)


def test_depths_may_differ_in_slices_only():
    """A slice names the layers that it takes."""
    models = [model("a", layers=3), model("b", layers=4)]
    fitting.require_alike(models, whole=False)
    with pytest.raises(MergeError, match=r"num_hidden_layers is 3 .* 4"):
        fitting.require_alike(models, whole=True)


def test_differences_that_are_allowed_are_said():
    """Positions that are encoded in another way, for example."""
    tokens = {"x": 0}
    one, two = (model(name, vocabulary=tokens, rope_theta=n) for n, name in enumerate("ab", 1))
    found = fitting.differences([one, two])
    assert found == ["rope_theta is 1 in a and 2 in b; the output takes that of its configuration"]
    (said,) = fitting.differences([model("a", vocabulary={"x": 0}), model("b")])
    assert said.startswith("b has no tokenizer.json")
    (said,) = fitting.differences([model("a"), model("b")])
    assert said.startswith("no model has a tokenizer.json or")


def test_tokenizers_that_are_not_read_have_to_be_the_same():
    """Told apart by their bytes; both files and both models are named."""
    one, same = (model(name, tokenizer=("tokenizer.model", "1")) for name in "ab")
    other = model("c", tokenizer=("spiece.model", "2"))
    fitting.require_alike([one, same, model("d")], whole=True)
    assert fitting.differences([one, same]) == []
    with pytest.raises(MergeError, match=r"tokenizer\.model of the model 'a' and spiece\.model of"):
        fitting.require_alike([one, model("d"), other], whole=True)


def test_the_configuration_says_what_the_weights_are():
    """Their kind, and in slices how many layers there are and of which types."""
    one = model("a", torch_dtype="float32", layer_types=["full", "sliding", "full"])
    found = fitting.configuration(recipe("linear", "a"), (), {"a": one}, one, {"BF16"})
    assert found["torch_dtype"] == "bfloat16"
    parts = tuple(Slice(sources=(Source(model="a", layers=layers),)) for layers in ((0, 2), (1, 3)))
    asked = Recipe(method="passthrough", slices=parts)
    found = fitting.configuration(asked, parts, {"a": one}, one, {"BF16", "F32"})
    assert found["num_hidden_layers"] == 4
    assert found["layer_types"] == ["full", "sliding", "sliding", "full"]
    assert found["torch_dtype"] == "float32"
