"""Vocabularies: alike, aligned, or refused in words."""

import pytest

from escalera.core.merging import alignment
from escalera.errors import MergeError

ONE = {"a": 0, "b": 1, "c": 2}
TWO = {"b": 0, "a": 1, "d": 2}


def test_alike_needs_no_alignment():
    """The same tokens with the same numbers, or no tokenizers and as many rows."""
    assert alignment.of([("m", ONE, 4), ("n", dict(ONE), 4)], owner="m", asked=None) is None
    assert alignment.of([("m", None, 4), ("n", None, 4)], owner="m", asked="base") is None
    assert alignment.of([("m", ONE, 4), ("n", None, 4)], owner="m", asked=None) is None


def test_rows_are_found_by_their_tokens():
    """The output has the owner's; what a model lacks, and what no token has, is -1."""
    found = alignment.of([("m", ONE, 4), ("n", TWO, 3)], owner="m", asked="base")
    assert found.rows == 4
    assert found.places["n"].tolist() == [1, 0, -1, -1]
    assert found.places["m"].tolist() == [0, 1, 2, -1]
    other = alignment.of([("m", ONE, 4), ("n", TWO, 3)], owner="n", asked="n")
    assert other.places["m"].tolist() == [1, 0, -1]
    assert found.digest != other.digest


@pytest.mark.parametrize(
    ("asked", "tokens", "said"),
    [
        (None, TWO, r"'m' has 1 tokens that 'n' lacks, 'n' has 1 .* 2 have other numbers"),
        ("union", TWO, "would have to be made, which is not supported"),
        ("base", None, r"'n' has no tokenizer\.json"),
    ],
)
def test_what_cannot_be_aligned_is_refused_in_words(asked, tokens, said):
    """Nothing asked, a union, no tokenizer to compare."""
    with pytest.raises(MergeError, match=said):
        alignment.of([("m", ONE, 4), ("n", tokens, 3)], owner="m", asked=asked)


def test_tables_are_known_by_name_and_rows():
    """Embeddings and output layers, of whichever family; nothing else with as many rows."""
    for name in ("model.embed_tokens.weight", "lm_head.weight", "transformer.wte.weight"):
        assert alignment.is_vocabulary(name, (9, 4), 9)
    assert not alignment.is_vocabulary("model.layers.0.mlp.up_proj.weight", (9, 4), 9)
    assert not alignment.is_vocabulary("lm_head.weight", (8, 4), 9)
