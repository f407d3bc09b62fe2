"""Three public sets as messages with a schema and a right answer.

Slots of few values that the training part shows are enumerations, all others free text. Keys stand
in the order of the schema, which is the order in which constrained decoding writes them.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.edges import schemas

FEW = 15
"""Distinct values up to which a slot is an enumeration."""
LONGEST = 120
"""Characters of a slot's text."""
TYPES = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "any": "string",
    "String": "string",
}


@dataclass(frozen=True)
class Item:
    """One message with the schema of its answer; `told` says in words which kind it is."""

    id: str
    told: str
    input: str
    target: str
    schema: str
    free: frozenset[str]
    """Top-level keys whose value is free text."""


@dataclass(frozen=True)
class Set:
    """A set with what is taught and what is asked."""

    name: str
    train: tuple[Item, ...]
    test: tuple[Item, ...]


def load(data: Path, *, ask: int) -> tuple[Set, ...]:
    """The three sets, `ask` test items each, chosen by a fixed seed."""
    sets = (_bfcl(data / "bfcl_calls"), _slots(data, "mtod_es", "valid"), _snips(data))
    return tuple(
        Set(found.name, found.train, tuple(random.Random(7).sample(found.test, ask)))
        for found in sets
    )


def _rows(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _bfcl(folder: Path) -> Set:
    items = []
    for row in _rows(folder / "simple.jsonl.gz"):
        (function,) = row["functions"]
        schema = _schema(function["parameters"])
        (accepted,) = row["accepted"]
        target = {
            name: values[0]
            for name, values in accepted[function["name"]].items()
            if "" not in values or name in schema["required"]
        }
        target = {name: _plain(target[name]) for name in schema["properties"] if name in target}
        told = f"{function['name']}({', '.join(schema['properties'])})"
        item = _item(row["id"], told, row["messages"][0]["content"], target, schema)
        if item is not None:
            items.append(item)
    random.Random(7).shuffle(items)
    return Set("bfcl_calls", tuple(items[:200]), tuple(items[200:]))


def _plain(value: Any) -> Any:
    """BFCL lists the accepted values inside objects; the first is taken."""
    if isinstance(value, dict):
        return {k: _plain(v[0]) if isinstance(v, list) and v else v for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value


def _schema(described: dict[str, Any]) -> dict[str, Any]:
    """Python-like types as JSON Schema; texts that describe are left out."""
    kind = TYPES.get(described["type"], described["type"])
    found: dict[str, Any] = {"type": kind}
    if "enum" in described:
        return {"enum": described["enum"]}
    if kind == "object":
        inner = described.get("properties", {})
        found["properties"] = {name: _schema(entry) for name, entry in inner.items()}
        found["required"] = list(described.get("required", []))
        found["additionalProperties"] = False
    if kind == "array":
        found["items"] = _schema(described["items"]) if "items" in described else {}
    return found


def _snips(data: Path) -> Set:
    return _slots(data, "snips_slots", "test")


def _slots(data: Path, name: str, test: str) -> Set:
    train, rest = (_rows(data / name / f"{part}.jsonl.gz") for part in ("train", test))
    kinds = {kind: _slot_schema(kind, train, rest) for kind in sorted({r["type"] for r in train})}
    parts = []
    for rows in (train, rest):
        made = []
        for row in rows:
            schema = kinds[row["type"]]
            target = {n: row["target"][n] for n in schema["properties"] if n in row["target"]}
            made.append(_item(row["id"], row["type"], row["text"].strip(), target, schema))
        random.Random(7).shuffle(made)
        parts.append(tuple(item for item in made if item is not None))
    return Set(name, *parts)


def _slot_schema(kind: str, train: list[Any], rest: list[Any]) -> dict[str, Any]:
    seen, later = _values(kind, train), _values(kind, rest)
    properties: dict[str, Any] = {}
    for slot in sorted(seen):
        value: dict[str, Any] = {"type": "string", "maxLength": LONGEST}
        if len(seen[slot]) <= FEW and later.get(slot, set()) <= seen[slot]:
            value = {"enum": sorted(seen[slot])}
        properties[slot] = {"anyOf": [value, {"type": "array", "items": value, "maxItems": 4}]}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _values(kind: str, rows: list[Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["type"] == kind:
            for slot, value in row["target"].items():
                found[slot].update(value if isinstance(value, list) else [value])
    return found


def _item(name: str, told: str, text: str, target: Any, schema: dict[str, Any]) -> Item | None:
    """None where the published answer is not valid against the published types."""
    written = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    said = json.dumps(target, ensure_ascii=False)
    if schemas.unusable(written) or schemas.invalid(written, said):
        return None
    free = frozenset(n for n, s in schema["properties"].items() if '"enum"' not in json.dumps(s))
    return Item(name, told, text, said, written, free)
