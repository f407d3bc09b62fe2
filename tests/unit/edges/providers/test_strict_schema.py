"""Schemas as strict endpoints want them, and answers back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.edges import schemas
from escalera.edges.providers import strict_schema

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Change",
    "type": "object",
    "properties": {
        "task": {"enum": ["A1", "Q7"], "title": "Task"},
        "new": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "integer"}}},
        },
    },
    "required": ["task"],
}


def test_every_property_is_required_and_no_other_allowed():
    """What was optional may be null instead; what changes no answer is left out."""
    assert strict_schema.rewritten(SCHEMA) == {
        "type": "object",
        "properties": {
            "task": {"enum": ["A1", "Q7"]},
            "new": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "lines": {
                "anyOf": [
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
                            "required": ["n"],
                            "additionalProperties": False,
                        },
                    },
                    {"type": "null"},
                ]
            },
        },
        "required": ["task", "new", "lines"],
        "additionalProperties": False,
    }


def test_a_null_that_stands_for_left_out_is_taken_out():
    """Inside lists as well; any other text stays to the letter."""
    strict = '{"task": "A1", "new": null, "lines": [{"n": null}, {"n": 2}]}'
    assert json.loads(strict_schema.restored(strict, SCHEMA)) == {
        "task": "A1",
        "lines": [{}, {"n": 2}],
    }
    for text in ('{"task": "A1",  "new": "x"}', '{"task": null}', "no JSON", "[null]"):
        assert strict_schema.restored(text, SCHEMA) == text


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"type": "array", "items": {"type": "string"}},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}},
        {"type": "object", "properties": {"a": {"oneOf": []}}},
        {"type": "object", "properties": {}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
        {"type": "object", "properties": {"a": {"enum": ["x", None]}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}},
        {
            "type": "object",
            "properties": {"a": {"anyOf": [{"type": "object", "properties": {"b": {"const": 1}}}]}},
            "required": ["a"],
        },
    ],
)
def test_what_strict_mode_cannot_say_is_not_rewritten(schema):
    """Then the schema goes as it is, and nothing is promised; answers stay to the letter."""
    assert strict_schema.rewritten(schema) is None
    assert strict_schema.restored('{"a": null}', schema) == '{"a": null}'


NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.sampled_from([{"type": "integer"}, {"enum": ["x", "y"]}, {"type": "boolean"}])


def objects(inner):
    return st.dictionaries(NAMES, inner, min_size=1, max_size=3).flatmap(
        lambda properties: st.sets(st.sampled_from(sorted(properties))).map(
            lambda required: {
                "type": "object",
                "properties": properties,
                "required": sorted(required),
                "additionalProperties": False,
            }
        )
    )


SCHEMAS = objects(st.recursive(LEAVES, objects, max_leaves=4))


@st.composite
def pairs(draw):
    """A schema with a value that is valid against its strict form."""
    schema = draw(SCHEMAS)
    return schema, draw(values(strict_schema.rewritten(schema)))


def values(schema):
    if "anyOf" in schema:
        return st.one_of(*map(values, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return st.fixed_dictionaries({n: values(s) for n, s in schema["properties"].items()})
        case "integer":
            return st.integers(0, 3)
        case "boolean":
            return st.booleans()
        case _:
            return st.none()


@settings(derandomize=True, max_examples=80, deadline=None)
@given(pairs())
def test_an_answer_in_strict_form_is_valid_as_it_was_asked_for(pair):
    """What a strict endpoint may say is, once restored, valid against the user's own schema."""
    schema, value = pair
    text = json.dumps(value)
    assert schemas.invalid(json.dumps(strict_schema.rewritten(schema)), text) is None
    assert schemas.invalid(json.dumps(schema), strict_schema.restored(text, schema)) is None
