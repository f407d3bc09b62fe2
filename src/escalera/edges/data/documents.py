"""One JSON document with many rows in it, as tools for labelling export them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from escalera.errors import DataError

LARGEST = 256_000_000
"""Bytes: a document is held in memory as a whole."""


def read(path: Path) -> Any:
    """The document. Raises `DataError` where there is none, or it is too large."""
    try:
        with path.open("rb") as stream:
            text = stream.read(LARGEST + 1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise DataError(file=str(path), problem=problem, remedy="Check the path") from error
    if len(text) > LARGEST:
        problem = f"the document is larger than {LARGEST} bytes"
        raise DataError(file=str(path), problem=problem, remedy="Export it in parts")
    try:
        return msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem, remedy = f"is not JSON ({error})", "Export it again"
        raise DataError(file=str(path), problem=problem, remedy=remedy) from error
