"""Schemas narrowed for generation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.edges import schemas
from escalera.edges.providers import bounded_schema

ANY = {"$ref": "#/$defs/anything"}


def test_numbers_get_a_bound_where_they_have_none():
    """One that the user gave stays."""
    found = bounded_schema.narrowed({"type": "number", "minimum": 3})
    assert found == {"type": "number", "minimum": 3, "maximum": 1e15}
    assert bounded_schema.narrowed({"type": "integer"}) == {"type": "integer"}
    inside = bounded_schema.narrowed({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
    assert inside == {"type": "number", "minimum": 1e-6, "maximum": 1}


def test_objects_that_list_their_properties_have_no_others():
    """Unless they say so, or are parts of a whole that lists the rest."""
    listed = {"type": "object", "properties": {"a": {"type": "null"}}}
    assert bounded_schema.narrowed(listed)["additionalProperties"] is False
    open_ = bounded_schema.narrowed(listed | {"additionalProperties": {"type": "null"}})
    assert open_["additionalProperties"] == {"type": "null"}
    parts = bounded_schema.narrowed({"allOf": [listed, listed]})
    assert {str(part["additionalProperties"]) for part in parts["allOf"]} == {str(ANY)}


@pytest.mark.parametrize("schema", [True, {}, {"title": "Whatever"}])
def test_anything_is_values_made_in_the_same_way(schema):
    """A number that no program reads cannot hide in what nobody described."""
    found = bounded_schema.narrowed(schema)
    assert found["$ref"] == ANY["$ref"]
    assert found["$defs"]["anything"]["anyOf"][1]["maximum"] == bounded_schema.LARGEST
    assert bounded_schema.narrowed({"type": "array"})["items"] == ANY
    assert bounded_schema.narrowed(schema=False) is False


def test_names_are_no_keywords():
    """A property called `items` is a property."""
    schema = {"type": "object", "properties": {"items": {"type": "number"}}}
    found = bounded_schema.narrowed(schema)
    assert set(found["properties"]["items"]) == {"type", "minimum", "maximum"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from([0.5, 2e15, "x"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=5,
)
LEAVES = st.sampled_from([{}, True, {"type": "number"}, {"type": "array"}, {"type": "object"}])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            }
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
    ),
    max_leaves=4,
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(SCHEMAS, VALUES)
def test_what_is_valid_narrowed_is_valid_as_written(schema, value):
    """Narrowing takes values away and adds none."""
    text = json.dumps(value)
    if schemas.invalid(json.dumps(bounded_schema.narrowed(schema)), text) is None:
        assert schemas.invalid(json.dumps(schema), text) is None
