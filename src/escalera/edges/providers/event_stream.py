"""Server-sent events from bytes: the `data` of each event (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event, and of one line."""


class EventStream:
    """Takes a body piece by piece, cut anywhere, and gives the data of the events that ended.

    Lines end in CR, LF or both; comments and fields other than `data` are left out; an event that
    the end of the body cuts off is none. `feed` raises ValueError for an event that is too long or
    not UTF-8.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, piece: bytes) -> list[str]:
        """The data of every event that *piece* completes, in order."""
        found = []
        for line in self._lines(piece):
            if line:
                self._field(line)
            elif self._data:
                found.append(b"\n".join(self._data).decode())
                self._data, self._size = [], 0
        return found

    def _lines(self, piece: bytes) -> list[bytes]:
        """Whole lines; a CR at the end waits for the LF that may follow it."""
        lines = (self._rest + piece).splitlines(keepends=True)
        open_ended = bool(lines) and not lines[-1].endswith(b"\n")
        self._rest = lines.pop() if open_ended else b""
        self._bounded(len(self._rest))
        return [line.rstrip(b"\r\n") for line in lines]

    def _field(self, line: bytes) -> None:
        if not self._begun:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._begun = True
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            self._bounded(self._size)

    def _bounded(self, size: int) -> None:
        if size > MAX_EVENT:
            raise ValueError(f"an event of the stream is longer than {MAX_EVENT} bytes")
