"""Heads of requests that a connection has had before: read once, then compared.

A caller that keeps a connection sends the same head with every request, but for the length of the
body. What has been read and found in order once need not be read again: bytes that are the same
mean the same. Anything else, and whatever does not come whole in one piece, is read as before.
"""

from __future__ import annotations

import re

from escalera.apps.gateway.cycle import Asked, Fields

LONGEST = 4096
"""Bytes of a head that is remembered: it is kept as long as its connection."""


class KnownHead:
    """A head with one field `Content-Length`, and what was read of it."""

    __slots__ = ("_at", "_headers", "_size", "_whole", "asked")

    def __init__(self, head: bytes, at: tuple[int, int], asked: Asked, headers: Fields) -> None:
        self._whole, self._at, self._size = head, at, int(head[at[0] : at[1]])
        self._headers = headers
        self.asked = asked

    def read(self, data: bytes) -> tuple[Fields, bytes] | None:
        """Fields and body of the request that *data* is; None for another head, or not all of one.

        What was sent with a length of its own has that in its fields.
        """
        whole = self._whole
        if data.startswith(whole):
            size = len(whole)
            return (self._headers, data[size:]) if len(data) - size == self._size else None
        start, after = self._at[0], whole[self._at[1] :]
        end = data.find(b"\r", start, start + _DIGITS)
        length = data[start:end]
        same = end > 0 and data.startswith(after, end) and data.startswith(whole[:start])
        size = end + len(after)
        if not (same and length.isdigit() and len(data) - size == int(length)):
            return None
        return [_with_length(field, length) for field in self._headers], data[size:]


def known(data: bytes, asked: Asked, headers: Fields) -> KnownHead | None:
    """What to remember of a request that came as *data*, and was in order; None for nothing."""
    size = data.find(b"\r\n\r\n", 0, LONGEST) + 4
    found = list(_LENGTH.finditer(data, 0, size)) if size > 4 else []
    if len(found) != 1 or len(data) - size != int(found[0][1]):
        return None
    return KnownHead(data[:size], found[0].span(1), asked, headers)


# Below: private.

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})(?=[ \t]*\r\n)", re.IGNORECASE)
_DIGITS = 10
"""A length has at most nine; behind them the line ends."""


def _with_length(field: tuple[bytes, bytes], length: bytes) -> tuple[bytes, bytes]:
    return (field[0], length) if field[0] == b"content-length" else field
