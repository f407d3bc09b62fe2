"""Folders with models."""

import json

import pytest
from tests.unit.edges.merging.folders import floats, model, save, stored

from escalera.edges.merging import models
from escalera.errors import MergeError


def test_shards_make_one_model(tmp_path):
    """By their index."""
    one, two = model(tmp_path / "one", 1), model(tmp_path / "two", 1, shards=3)
    with models.opened({"a": one, "b": two}) as found:
        assert found["a"].header.tensors == found["b"].header.tensors
        for name in found["a"].entries():
            assert (found["a"].numbers(name) == found["b"].numbers(name)).all()


def test_tokens_have_their_numbers(tmp_path):
    """From both kinds of tokenizer files, added tokens included."""
    (tmp_path / "tokenizer.json").write_text(
        json.dumps(
            {
                "model": {"type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0]]},
                "added_tokens": [{"id": 2, "content": "<end>"}],
            }
        )
    )
    assert models.vocabulary(tmp_path) == {"a": 0, "b": 1, "<end>": 2}
    assert models.vocabulary(tmp_path / "nowhere") is None
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 1}))
    assert models.vocabulary(tmp_path) == {"a": 0, "b": 1}
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<end>": 2}))
    assert models.vocabulary(tmp_path) == {"a": 0, "b": 1, "<end>": 2}
    described = {"added_tokens_decoder": {"3": {"content": "<pad>"}}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(described))
    assert models.vocabulary(tmp_path) == {"a": 0, "b": 1, "<end>": 2, "<pad>": 3}


def test_a_tokenizer_that_is_not_read_is_told_from_another(tmp_path):
    """By the bytes of `tokenizer.model`, where there is nothing that can be read."""
    one, same, other = (model(tmp_path / name, 1) for name in ("one", "same", "other"))
    for folder, held in ((one, b"1"), (same, b"1"), (other, b"2")):
        (folder / "tokenizer.json").unlink(missing_ok=True)
        (folder / "tokenizer.model").write_bytes(held)
    with models.opened({"a": one, "b": same, "c": other}) as found:
        headers = [found[name].header.tokenizer for name in "abc"]
    assert headers[0] == headers[1] != headers[2]
    (one / "tokenizer.json").write_text('{"model": {"vocab": {"x": 0}}}')
    with models.opened({"a": one}) as found:
        assert found["a"].header.tokenizer is None


@pytest.mark.parametrize(
    "held",
    [
        {"model": {"vocab": 3}},
        {"model": {"vocab": {"a": None}}},
        {"model": {"vocab": [3]}},
        {"added_tokens": [{"id": 1}]},
    ],
)
def test_a_tokenizer_without_tokens_is_one_clear_error(tmp_path, held):
    """Not a vocabulary that is taken to be like the others'."""
    (tmp_path / "tokenizer.json").write_text(json.dumps(held))
    with pytest.raises(MergeError, match=r"tokenizer\.json' are not understood"):
        models.vocabulary(tmp_path)


def test_what_is_no_whole_model_is_refused(tmp_path):
    """No folder, no configuration, no weights, loose shards, a lying index, a tensor twice."""

    def refused(said):
        with pytest.raises(MergeError, match=said), models.opened({"a": tmp_path / "m"}):
            pass

    refused("is no folder")
    (tmp_path / "m").mkdir()
    refused(r"has no config\.json")
    (tmp_path / "m" / "config.json").write_text("[]")
    refused("holds no JSON object")
    (tmp_path / "m" / "config.json").write_text("{}")
    refused("no safetensors file")
    held = stored(floats(0), "BF16")
    for name in ("x", "y"):
        save(tmp_path / "m" / f"{name}.safetensors", held)
    refused("2 safetensors files and no model.safetensors.index.json")
    index = tmp_path / "m" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"p": "x.safetensors", "q": "y.safetensors"}}))
    refused("holds 'model.embed_tokens.weight' in 'x.safetensors' and in 'y.safetensors'")
    index.write_text(json.dumps({"weight_map": {"p": "x.safetensors"}}))
    refused("lists 'p', which is in none")
    for odd in ({}, {"weight_map": ["x.safetensors"]}, {"weight_map": {"p": 1}}):
        index.write_text(json.dumps(odd))
        refused("does not say under 'weight_map' which file")
