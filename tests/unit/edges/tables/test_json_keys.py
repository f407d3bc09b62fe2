"""Keys that stand twice in a JSON object."""

from __future__ import annotations

import json

import pytest

from escalera.edges.tables import json_keys


def test_an_object_has_each_key_once():
    """Pairs make the object that they say, and a doubled key is named."""
    assert json_keys.unique([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
    with pytest.raises(json_keys.KeyTwiceError, match="the key 'b' stands twice"):
        json_keys.unique([("b", 2), ("b", 3), ("a", 4)])


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"a": 1, "a": 1}', "a"),
        (b'{"x": {"a": 1, "\\u0061": 2}}', "a"),
        (b'[{"a": 1}, {"a": 2}]', None),
        (b'{"a": "\\"a\\": 1"}', None),
        (b"[" * 100_000 + b"]" * 100_000, None),
        (b'{"a": 1' + b"0" * 5_000 + b"}", None),
    ],
)
def test_a_line_says_which_key_is_doubled(line, key):
    """At any depth and however it is spelled; what cannot be read is nobody's business here."""
    found = json_keys.doubled(line)
    assert found == (None if key is None else f"the key {key!r} stands twice in an object")


def test_the_last_one_counts_without_it():
    """Python's own parser is silent, which is why the keys are looked at."""
    assert json.loads('{"a": 1, "a": 2}') == {"a": 2}
