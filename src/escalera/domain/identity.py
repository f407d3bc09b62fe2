"""Content hashes: two values that would answer alike have the same digest.

The digest is the SHA-256 of canonical JSON (sorted keys, no spaces, UTF-8), so it is the same on
every machine and in every Python version.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import lru_cache
from typing import Any


def digest_of(value: Any) -> str:
    """Hex SHA-256 of a dataclass, mapping, sequence or scalar."""
    if dataclasses.is_dataclass(value):
        return _remembered(value)  # type: ignore[arg-type]
    return _hashed(value)


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes of *value*; dataclasses become objects."""
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def short(digest: str) -> str:
    """The first twelve characters: for eyes only, never a key."""
    return digest[:12]


@lru_cache(maxsize=8192)
def _remembered(value: Any) -> str:
    # Systems are hashed once per lookup of evidence; equal values have equal digests.
    return _hashed(value)


def _hashed(value: Any) -> str:
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
    return hashlib.sha256(canonical(_numbered(plain))).hexdigest()


def _numbered(value: Any) -> Any:
    # 0 and 0.0 are equal, so they must be hashed alike.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _numbered(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_numbered(entry) for entry in value]
    return value
