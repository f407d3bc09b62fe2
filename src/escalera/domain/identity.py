"""Content hashes: two values that would answer alike have the same digest.

The digest is the SHA-256 of canonical JSON (sorted keys, no spaces, UTF-8), so it is the same on
every machine and in every Python version.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

LATER: Mapping[str, bool] = {"later": True}
"""Metadata of a field that came after journals were written: while it holds its default, the value
is written without it, so that what was measured before has the same digest."""


def digest_of(value: Any) -> str:
    """Hex SHA-256 of a dataclass, mapping, sequence or scalar."""
    if dataclasses.is_dataclass(value):
        return _remembered(value)  # type: ignore[arg-type]
    return forgotten_digest_of(value)


def forgotten_digest_of(value: Any) -> str:
    """The same without remembering the value: for the many that are asked once each."""
    return hashlib.sha256(_bytes(_plain(value, _numbered))).hexdigest()


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes of *value*; dataclasses become objects."""
    return _bytes(_plain(value, lambda number: number))


def short(digest: str) -> str:
    """The first twelve characters: for eyes only, never a key."""
    return digest[:12]


@lru_cache(maxsize=8192)
def _remembered(value: Any) -> str:
    # Systems are hashed once per lookup of evidence; equal values have equal digests.
    return forgotten_digest_of(value)


def _bytes(plain: Any) -> bytes:
    return _ENCODER.encode(plain).encode()


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any, number: Callable[[float], float]) -> Any:
    """Dataclasses as dicts, sequences as lists, and floats through *number*."""
    kind = value.__class__
    if kind in _AS_IT_IS:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(entry, number) for entry in value]
    if fields := _fields(kind):
        return {
            name: _plain(getattr(value, name), number)
            for name, default in fields
            if default is _ALWAYS or getattr(value, name) != default
        }
    if isinstance(value, dict):
        return {key: _plain(entry, number) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(entry, number) for entry in value]
    return number(value) if isinstance(value, float) else value


_AS_IT_IS = frozenset({str, int, bool, type(None)})


def _numbered(value: float) -> float:
    # 0 and 0.0 are equal, so they must be hashed alike.
    return int(value) if value.is_integer() else value


@lru_cache(maxsize=256)
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    """Fields of a dataclass that are part of the value (those that it is compared by).

    Each with the value at which it is left out.
    """
    if not dataclasses.is_dataclass(kind):
        return ()
    return tuple(
        (field.name, field.default if field.metadata.get("later") else _ALWAYS)
        for field in dataclasses.fields(kind)
        if field.compare
    )


_ALWAYS = object()
"""Equal to no value of a field: it is always written."""
