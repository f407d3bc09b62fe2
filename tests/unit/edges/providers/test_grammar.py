"""Grammars that leave a model no other token, and answers that end within their limit."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from transformers import AutoTokenizer

from escalera.edges import schemas
from escalera.edges.providers.grammar import Grammars
from escalera.errors import InputError
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

END = 1
ITEM = {
    "type": "object",
    "properties": {"x": {"type": "number"}, "y": {"type": "string"}},
    "required": ["x", "y"],
}
SCHEMAS = {
    "choices": {
        "type": "object",
        "properties": {
            "theme": {"enum": ["shipping", "cost"]},
            "note": {"type": "string", "maxLength": 20},
            "n": {"type": "integer"},
        },
        "required": ["theme"],
        "additionalProperties": False,
    },
    "nested": {
        "type": "object",
        "properties": {"a": {"type": "array", "items": ITEM}},
        "required": ["a"],
    },
    "numbers": {
        "type": "object",
        "properties": {
            "flows": {"type": "array", "items": {"type": "integer"}},
            "rate": {"type": "number"},
            "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.25},
        },
        "required": ["flows", "rate", "share"],
    },
    "lengths": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 2},
    "pattern": {"type": "string", "pattern": "^[a-z]{3,8}$"},
    "anything": {},
    "union": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/I"}], "$defs": {"I": ITEM}},
    "tree": {
        "$defs": {
            "N": {
                "type": "object",
                "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/N"}}},
                "required": ["kids"],
            }
        },
        "$ref": "#/$defs/N",
    },
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Every byte is a token: characters of several bytes can be cut anywhere."""
    return AutoTokenizer.from_pretrained(tiny_model(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def grammars(tokenizer):
    """For a model whose logits are wider than its tokenizer, as padded ones are."""
    return Grammars(tokenizer, stops=[END], width=len(tokenizer) + 11)


def wander(grammars, schema, rng, limit):
    """Tokens drawn evenly from whatever is allowed: a model without any sense."""
    guide, said = grammars.guide(schema), []
    while len(said) < limit and said[-1:] != [END]:
        token = int(rng.choice(np.flatnonzero(guide.allowed())))
        said.append(guide.settle(token, left=limit - len(said)))
    return guide, said


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("limit", [80, 200])
def test_whatever_the_model_wants_the_answer_is_valid(name, limit, grammars, tokenizer):
    """Even a model that draws at random says valid JSON, and ends it within its limit."""
    schema = json.dumps(SCHEMAS[name])
    rng = np.random.default_rng(7)
    for _ in range(25):
        guide, said = wander(grammars, schema, rng, limit)
        text = tokenizer.decode([token for token in said if token != END])
        assert schemas.invalid(schema, text) is None, text
        assert len(said) <= limit
        assert guide.cut or said[-1] == END


def test_an_answer_that_ends_by_itself_is_not_cut(grammars):
    """`cut` says that the limit spoke, not the model."""
    schema = '{"enum":["yes"]}'
    guide, said = wander(grammars, schema, np.random.default_rng(0), 40)
    assert len(said) == 6
    assert not guide.cut
    long, _ = wander(grammars, '{"type":"string"}', np.random.default_rng(0), 8)
    assert long.cut


def test_a_limit_below_every_answer_is_not_met(grammars, tokenizer):
    """What cannot be said in so few tokens breaks off, and is invalid: nothing is made up."""
    schema = '{"enum":["a rather long constant"]}'
    _, said = wander(grammars, schema, np.random.default_rng(0), 5)
    assert len(said) == 5
    assert schemas.invalid(schema, tokenizer.decode(said)) is not None


def test_keys_come_in_the_order_of_the_schema(grammars):
    """It is part of the contract, and so of what a system is."""
    properties = {"b": {"type": "null"}, "a": {"type": "null"}}
    schema = json.dumps(
        {"type": "object", "properties": properties, "required": ["b", "a"]}, sort_keys=False
    )
    guide = grammars.guide(schema)
    said = ""
    while not guide.allowed()[END]:
        allowed = np.flatnonzero(guide.allowed())
        tokens = {int(token): grammars._tokens.decode_str([int(token)]) for token in allowed}
        token = next(n for n, text in tokens.items() if text != " ")
        said += tokens[guide.settle(token, left=100)]
    assert said == '{"b":null,"a":null}'


@pytest.mark.parametrize("keyword", [{"uniqueItems": True}, {"oneOf": [{}, {}]}, {"not": {}}])
def test_a_keyword_that_no_grammar_keeps_is_an_error(keyword, grammars):
    """It is never left out: an answer that looks held to the schema would not be."""
    with pytest.raises(InputError, match=r"cannot be kept by constrained decoding: .*Say it"):
        grammars.guide(json.dumps({"type": "array", **keyword}))


def test_a_tokenizer_without_its_file_is_an_error():
    """The grammar needs to know which bytes a token stands for."""

    class Slow:
        eos_token_id = 1

    with pytest.raises(InputError, match="cannot read the tokenizer"):
        Grammars(Slow(), stops=[1], width=10)
