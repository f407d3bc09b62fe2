"""JSON Schemas and texts that are to be valid against them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from escalera.domain.dataset import Example
from escalera.edges import schemas
from escalera.errors import ProjectError

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"theme": {"enum": ["app", "cost"]}, "n": {"type": "integer"}},
        "required": ["theme"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize(
    "text", ['{"theme": "app"}', ' {"n":1,"theme":"cost"}\n', '{"theme":"app","n":2.0}']
)
def test_a_valid_text(text):
    """White space and the order of keys do not matter, and 2.0 is an integer."""
    assert schemas.invalid(SCHEMA, text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ('```json\n{"theme": "app"}\n```', "not JSON"),
        ('{"theme": "app"} as you asked', "not JSON"),
        ('{"theme": "app", "n": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("\ud800", "not JSON"),
        ("{}", '"theme" is a required property'),
        ('{"theme": "quality"}', "at /theme: "),
        ('{"theme": "app", "n": 1.5}', 'at /n: 1.5 is not of type "integer"'),
        ('{"theme": "app", "x": 1}', "'x' was unexpected"),
        ('"app"', 'is not of type "object"'),
    ],
)
def test_an_invalid_text_says_what_is_wrong(text, said):
    """The words go to people and, in a repair, to the model."""
    found = schemas.invalid(SCHEMA, text)
    assert found is not None
    assert said in found.replace("&#x27;", "'")


def test_what_is_said_is_bounded():
    """A long value is not repeated in full."""
    found = schemas.invalid('{"type":"integer"}', json.dumps("x" * 5000))
    assert found is not None
    assert len(found) <= schemas.MAX_SAID + 1


def test_draft_2020_12_is_what_counts():
    """`prefixItems` came with it; a validator of draft 7 would not know it."""
    schema = '{"type":"array","prefixItems":[{"type":"integer"}],"items":false}'
    assert schemas.invalid(schema, "[1]") is None
    assert schemas.invalid(schema, '["a"]') is not None


@pytest.mark.parametrize(
    "schema",
    [
        '{"type": "objekt"}',
        '{"$ref": "#/$defs/missing"}',
        '{"$ref": "http://127.0.0.1:9/schema.json"}',
        '{"$ref": "file:///etc/hostname"}',
        '{"type": "string", "pattern": "(a"}',
        '{"type": "string", "pattern": "(?=a)b"}',
        "3",
        "{",
    ],
)
def test_an_unusable_schema(schema):
    """Nothing outside is read, and no pattern is taken that cannot run in linear time."""
    assert schemas.unusable(schema)
    with pytest.raises(ProjectError, match=r"tasks\.a\.schema: it cannot be checked against"):
        schemas.check(schema, [], task="a", project=Path("p.toml"))


def test_a_pattern_that_would_explode_does_not():
    """Backtracking would take 2^40 steps here; the test's own time limit is the proof."""
    schema = '{"type":"string","pattern":"^(a+)+$"}'
    assert schemas.unusable(schema) is None
    assert schemas.invalid(schema, json.dumps("a" * 40 + "!")) is not None


def item(number, target):
    return Example(
        id=f"a/{number}", task="a", split="search", input="?", target=target, cluster="c"
    )


def test_targets_are_checked_before_anything_is_bought():
    """The message names the item and the reason."""
    good, bad = item(1, '{"theme":"app"}'), item(2, '{"theme":"appp"}')
    schemas.check(SCHEMA, [good], task="a", project=Path("p.toml"))
    with pytest.raises(ProjectError, match=r"'a/2' is not valid against it: at /theme: .*appp"):
        schemas.check(SCHEMA, [good, bad], task="a", project=Path("p.toml"))
