"""Regular expressions of users, with RE2: no expression takes more than linear time."""

from __future__ import annotations

from collections.abc import Callable

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
        (said,) = error.args
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise InputError(
            f"{expression!r} is no regular expression of RE2: {why}. It knows no look-around and "
            "no back-reference; see https://github.com/google/re2/wiki/Syntax."
        ) from error
    encoded = _Encoded()

    def find(text: str, start: int, end: int) -> tuple[int, int] | None:
        encoded.take(text)
        found = compiled.search(encoded.data, encoded.byte(start), encoded.byte(end))
        return None if found is None else (encoded.char(found.start()), encoded.char(found.end()))

    return find


# Below: private.


_FOLLOWING = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that begin no character."""


class _Encoded:
    """The last text as bytes, so that many searches in one text encode it once.

    A place is counted from the last one that was asked for: searches go from left to right.
    """

    def __init__(self) -> None:
        self._text: str | None = None
        self.data = b""
        self._char = self._byte = 0

    def take(self, text: str) -> None:
        if text is self._text:
            return
        self._text = text
        self.data = text.encode("utf-8", "replace")
        self._char = self._byte = 0

    def byte(self, char: int) -> int:
        text = self._text or ""
        if char >= len(text):
            return len(self.data)
        if char >= self._char:
            self._byte += len(text[self._char : char].encode("utf-8", "replace"))
        else:
            self._byte -= len(text[char : self._char].encode("utf-8", "replace"))
        self._char = char
        return self._byte

    def char(self, byte: int) -> int:
        if byte >= self._byte:
            self._char += _characters(self.data[self._byte : byte])
        else:
            self._char -= _characters(self.data[byte : self._byte])
        self._byte = byte
        return self._char


def _characters(data: bytes) -> int:
    return len(data.translate(None, _FOLLOWING))
