"""Keys that stand twice in a JSON object: parsers take the last one and say nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


class KeyTwiceError(ValueError):
    """An object has the same key twice, and nobody can tell which one was meant."""


def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for `json.loads`. Raises `KeyTwiceError` for a doubled key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise KeyTwiceError(f"the key {twice!r} stands twice in an object")
    return found


def doubled(line: bytes) -> str | None:
    """What is wrong with an object in *line*, which is JSON, where it has a key twice."""
    try:
        json.loads(line, object_pairs_hook=unique)
    except KeyTwiceError as error:
        return str(error)
    except (ValueError, RecursionError):
        return None
    return None
