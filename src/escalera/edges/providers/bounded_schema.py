"""JSON Schemas narrowed for generation: what is valid against the narrow one is valid as written.

A schema that says little lets a model say things that no program reads (1e999 is JSON and no
number) or that nobody asked for. So numbers without a bound get one, objects that list their
properties have no others, and "anything" means values that are made in this way.
"""

from __future__ import annotations

from typing import Any

LARGEST = 1e15
"""The bound of numbers without one; with a bound they are written without an exponent."""
_ANY = "anything"


def narrowed(schema: Any) -> Any:
    """*schema* for a generator. Keywords that are not understood here stay as they are."""
    closed = not _says(schema, "allOf")  # parts of an `allOf` list only some of the properties
    found = _narrowed(schema, closed=closed)
    if not isinstance(found, dict) or not _says(found, _ANYTHING["$ref"]):
        return found
    return found | {"$defs": {**found.get("$defs", {}), _ANY: _VALUES}}


# Below: private.

_ANYTHING = {"$ref": f"#/$defs/{_ANY}"}
_BOUNDED = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
_VALUES = {
    "anyOf": [
        {"type": ["string", "boolean", "null"]},
        _BOUNDED,
        {"type": "array", "items": _ANYTHING},
        {"type": "object", "additionalProperties": _ANYTHING},
    ]
}
_SAYS_NOTHING = frozenset({"$schema", "$id", "$comment", "title", "description", "default",
                           "examples", "deprecated", "readOnly", "writeOnly", "$defs"})  # fmt: skip
_ONE = ("items", "additionalProperties")
_MANY = ("anyOf", "allOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_OPEN = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties", "$ref",
                   "anyOf", "oneOf"})  # fmt: skip


def _narrowed(schema: Any, *, closed: bool) -> Any:
    if schema is True or (isinstance(schema, dict) and not schema.keys() - _SAYS_NOTHING):
        return (schema if isinstance(schema, dict) else {}) | _ANYTHING
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    kinds = found.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "number" in kinds:
        _bound(found)
    if "array" in kinds and "prefixItems" not in found:
        found.setdefault("items", True)
    if "object" in kinds and not _OPEN & found.keys():
        found["additionalProperties"] = not (closed and found.get("properties"))
    found |= {key: _narrowed(found[key], closed=closed) for key in _ONE if key in found}
    for key in _MANY:
        if key in found:
            found[key] = [_narrowed(entry, closed=closed) for entry in found[key]]
    for key in _NAMED:
        if key in found:
            found[key] = {n: _narrowed(inner, closed=closed) for n, inner in found[key].items()}
    return found


def _bound(schema: dict[str, Any]) -> None:
    """Bounds on both sides that a number may reach: generators let one reach what excludes it."""
    above, below = schema.pop("exclusiveMinimum", None), schema.pop("exclusiveMaximum", None)
    low = [entry for entry in (schema.get("minimum"), _beyond(above, 1)) if entry is not None]
    high = [entry for entry in (schema.get("maximum"), _beyond(below, -1)) if entry is not None]
    schema["minimum"] = max(low, default=-LARGEST)
    schema["maximum"] = min(high, default=LARGEST)


def _beyond(bound: float | None, side: int) -> float | None:
    """A number that is clearly on the right side of *bound*."""
    return None if bound is None else bound + side * max(abs(bound), 1.0) * 1e-6


def _says(schema: Any, word: str) -> bool:
    """Whether *word* is a key or a text anywhere in *schema*."""
    if isinstance(schema, dict):
        return word in schema or any(_says(inner, word) for inner in schema.values())
    if isinstance(schema, list):
        return any(_says(inner, word) for inner in schema)
    return bool(schema == word)
