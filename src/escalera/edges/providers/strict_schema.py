"""JSON Schemas as strict endpoints want them, and answers back in terms of the schema as written.

OpenAI's strict mode asks that every object lists all its properties as required and allows no
others (platform.openai.com/docs/guides/structured-outputs). An optional property becomes a required
one that may be null; a null that stands for "left out" is taken out of the answer again.
"""

from __future__ import annotations

from typing import Any

import msgspec

Schema = Any
"""A JSON Schema: an object, or true or false."""

_PLAIN = frozenset(
    {
        "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default",
        "description", "enum", "examples", "format", "items", "maxItems", "maximum", "minItems",
        "minimum", "multipleOf", "pattern", "properties", "required", "title", "type",
    }
)  # fmt: skip
"""Keywords that mean the same in strict mode; `title` and the like mean nothing."""
_UNSAID = ("$schema", "default", "examples", "title")
"""Keywords that strict endpoints refuse and that change no answer."""


def rewritten(schema: Schema) -> Schema | None:
    """*schema* in strict form, or None where it says something that strict mode cannot."""
    try:
        found = _strict(schema, schema)
    except _NotStrict:
        return None
    return found if found.get("type") == "object" else None


def restored(text: str, schema: Schema) -> str:
    """*text* without the nulls of properties that *schema* leaves optional.

    Text that is no JSON stays as it is, and so does text without such a null.
    """
    if rewritten(schema) is None:
        return text
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    without = _without_nulls(value, schema)
    return text if without == value else msgspec.json.encode(without).decode()


# Below: private.


class _NotStrict(Exception):
    """The schema has a keyword, or a combination, that strict mode lacks."""


def _strict(schema: Schema, root: Schema, *, branch: bool = False) -> dict[str, Any]:
    if not isinstance(schema, dict) or schema.keys() - _PLAIN:
        raise _NotStrict
    found = {key: value for key, value in schema.items() if key not in _UNSAID}
    if "$defs" in found:
        found["$defs"] = {n: _strict(s, root, branch=True) for n, s in found["$defs"].items()}
    if "anyOf" in found:
        found["anyOf"] = [_strict(entry, root, branch=True) for entry in found["anyOf"]]
    if "items" in found:
        found["items"] = _strict(found["items"], root, branch=branch)
    if "properties" in found or found.get("type") == "object":
        found |= _object(found, root, branch=branch)
    return found


def _object(schema: dict[str, Any], root: Schema, *, branch: bool) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    if schema.get("additionalProperties", True) is not False and not properties:
        raise _NotStrict  # a map: its names are the answer's
    if isinstance(schema.get("additionalProperties"), dict) or required - properties.keys():
        raise _NotStrict
    if branch and required != properties.keys():
        raise _NotStrict  # which branch a null belongs to cannot be told
    made = {}
    for name, inner in properties.items():
        strict = _strict(inner, root, branch=branch)
        if name not in required:
            if _admits_null(inner, root):
                raise _NotStrict  # whether a null was meant cannot be told
            strict = {"anyOf": [strict, {"type": "null"}]}
        made[name] = strict
    return {"properties": made, "required": [*properties], "additionalProperties": False}


def _admits_null(schema: Schema, root: Schema) -> bool:
    if not isinstance(schema, dict):
        return True
    if "$ref" in schema:
        place, _, name = schema["$ref"].rpartition("/")
        return place != "#/$defs" or _admits_null(root.get("$defs", {}).get(name, True), root)
    if "anyOf" in schema:
        return any(_admits_null(entry, root) for entry in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return None in schema.get("enum", (schema.get("const"),))
    kinds = schema.get("type", "null")
    return "null" in kinds if isinstance(kinds, list) else bool(kinds == "null")


def _without_nulls(value: Any, schema: Schema) -> Any:
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list) and "items" in schema:
        return [_without_nulls(entry, schema["items"]) for entry in value]
    if not isinstance(value, dict):
        return value
    properties, required = schema.get("properties", {}), set(schema.get("required", ()))
    return {
        name: _without_nulls(entry, properties.get(name, {}))
        for name, entry in value.items()
        if entry is not None or name in required or name not in properties
    }
