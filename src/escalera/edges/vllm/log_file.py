"""What a process says, kept in a file that does not grow without end.

log = LogFile(path, secret=key)
log.write(b"…")       # whole lines or pieces of them
log.last()            # its last lines, for a message
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

LIMIT = 8_000_000
"""Bytes of one file; then it becomes `NAME.1`, and the one that was there before goes."""
LINES = 12
"""Last lines that are remembered."""
LONGEST = 2000
"""Characters of a line that are remembered."""


class LogFile:
    """Appends to *path*, and keeps *secret* out of it."""

    def __init__(self, path: Path, *, secret: str = "", limit: int = LIMIT) -> None:
        self._path = path
        self._secret = secret.encode()
        self._limit = limit
        self._rest = b""
        self._lines: deque[str] = deque(maxlen=LINES)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def write(self, data: bytes) -> None:
        """Take what was said; it reaches the file line by line."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > 16 * LONGEST:  # no line that anybody reads
            whole, self._rest = [*whole, self._rest], b""
        for line in whole:
            self._add(line)
        self._file.flush()

    def last(self) -> str:
        """The last lines, oldest first."""
        return "\n".join(self._lines)

    def close(self) -> None:
        """Write what is left; called once."""
        if self._rest:
            self._add(self._rest)
            self._rest = b""
        self._file.close()

    # Private

    def _add(self, line: bytes) -> None:
        if self._secret:
            line = line.replace(self._secret, b"***")
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            self._lines.append(text[:LONGEST])
        if self._file.tell() + len(line) > self._limit:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = self._path.open("ab")
        self._file.write(line + b"\n")
