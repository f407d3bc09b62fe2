"""Files that callers of the gateway uploaded, or that it made for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Purpose = Literal["fine-tune", "batch", "evals", "fine-tune-results", "batch_output"]
"""What a file is for, as OpenAI's API names it; the last two are made here."""
UPLOADED: tuple[Purpose, ...] = ("fine-tune", "batch", "evals")
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file by its id: its `name` is the caller's word, and never a path.

    `digest` is the SHA-256 of its `size` bytes in hexadecimal digits. `owner` is the account of the
    key that uploaded it, or the key's id where it has none; empty where callers have no keys.
    `created` and `expires` are seconds since the epoch, None for never.
    """

    id: str
    name: str
    purpose: Purpose
    size: int
    digest: str
    created: float
    owner: str = ""
    expires: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What is said of a file before its bytes are there; the fields are those of `StoredFile`."""

    name: str
    purpose: Purpose
    created: float
    owner: str = ""
    expires: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """How many bytes a file of *owner* may have, and all that are the owner's together."""

    owner: str
    file: int
    total: int
