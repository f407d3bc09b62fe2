"""Regular expressions of users, with RE2: no expression takes more than linear time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from escalera.errors import InputError, MissingExtra

try:
    import re2
except ImportError:  # an extra
    re2 = None

MEMORY = 8 << 20
"""Bytes that one expression may take."""


def finding(expression: str) -> Callable[[str, int, int], tuple[int, int] | None]:
    """What finds *expression*, which ignores case only where it says so.

    Raises `InputError` for what RE2 does not know, `MissingExtra` without it.
    """
    if re2 is None:
        raise MissingExtra(
            feature=f"A guard with the regular expression {expression!r}",
            package="google-re2",
            extra="guards",
        )
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(expression.encode(), options)
    except re2.error as error:
        raise InputError(
            f"{expression!r} is no regular expression of RE2: {error}. It knows no look-around and "
            "no back-reference; see https://github.com/google/re2/wiki/Syntax."
        ) from error
    encoded = _Encoded()

    def find(text: str, start: int, end: int) -> tuple[int, int] | None:
        encoded.take(text)
        found = compiled.search(encoded.data, encoded.byte(start), encoded.byte(end))
        return None if found is None else (encoded.char(found.start()), encoded.char(found.end()))

    return find


# Below: private.


class _Encoded:
    """The last text as bytes, so that many searches in one text encode it once."""

    def __init__(self) -> None:
        self._text: str | None = None
        self.data = b""
        self._bytes: np.ndarray | None = None

    def take(self, text: str) -> None:
        if text is self._text:
            return
        self._text = text
        self.data = text.encode("utf-8", "replace")
        self._bytes = None
        if len(self.data) != len(text):
            signs = np.frombuffer(self.data, np.uint8)
            self._bytes = np.append(np.flatnonzero((signs & 0xC0) != 0x80), len(signs))

    def byte(self, char: int) -> int:
        return char if self._bytes is None else int(self._bytes[min(char, len(self._bytes) - 1)])

    def char(self, byte: int) -> int:
        return byte if self._bytes is None else int(np.searchsorted(self._bytes, byte))
