"""Bytes written to a file in pieces that begin at round places.

A system keeps a file in runs of pages that begin at multiples of their length. What is written from
and to round places fills long runs; anything else is split into many short ones, each found, locked
and counted for itself, which takes longer than copying the bytes.
"""

from __future__ import annotations

import os

PIECE = 1 << 16
"""Pieces end at multiples of this, but for the last one."""


class Pieces:
    """Successive bytes of an open file, from a place on. `close` writes what is still held."""

    def __init__(self, file: int, place: int) -> None:
        self._file, self._place = file, place
        self._held = memoryview(bytearray(PIECE))
        self._count = 0

    def write(self, data: memoryview) -> None:
        """Take the next bytes; they may be overwritten afterwards."""
        while len(data) >= (room := PIECE - (self._place + self._count) % PIECE):
            self._put(data[:room])
            data = data[room:]
        self._held[self._count : self._count + len(data)] = data
        self._count += len(data)

    def close(self) -> None:
        """Write what is left."""
        if self._count:
            self._put(memoryview(b""))

    # Below: private.

    def _put(self, data: memoryview) -> None:
        """Write what is held, and *data* after it."""
        held, self._count = self._held[: self._count], 0
        written = os.pwritev(self._file, [held, data], self._place)
        length = len(held) + len(data)
        self._place += written
        if written < length:
            rest = memoryview(b"".join([held, data]))[written:]
            while rest:
                written = os.pwrite(self._file, rest, self._place)
                self._place, rest = self._place + written, rest[written:]
