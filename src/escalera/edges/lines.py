"""A file of JSON lines that only grows, and keeps every line that it took.

A line is written with one call and forced to disk before anyone is told that it is there. What a
power cut left of a line that nobody was told of is cut off when the file is opened again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from codecs import BOM_UTF8
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from escalera.core.data import appended
from escalera.errors import LinesError

if sys.platform != "win32":
    import fcntl

_BEGINS = (b"{", b"\0")
"""How a file of lines begins; zeros are what a power cut may leave."""
_PAUSE = 0.005
"""Seconds between two tries to hold a file."""


class AppendedLines:
    """Opens *file*, or makes it, and holds it until `close`.

    Raises `LinesError` where another process holds it for longer than *wait* seconds, where it
    cannot be opened, and where it holds something else than such lines.
    """

    def __init__(self, file: Path, *, wait: float = 0.0) -> None:
        self._file = file
        self._wait = wait
        new = not file.exists()
        try:
            self._handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._error(
                f"cannot be opened ({error.strerror})",
                "Name a file in a folder that exists and that you may write to",
            ) from error
        try:
            self._lock()
            if new:
                _force_to_disk(file.parent)
            self._size = self._mended()
        except BaseException:
            os.close(self._handle)
            raise

    def read(self) -> tuple[bytes, ...]:
        """Every line, in order."""
        return tuple(self._file.read_bytes().splitlines())

    def append(self, line: Mapping[str, object]) -> None:
        """Add one line; it is on disk when this returns."""
        self._require_unchanged()
        data = json.dumps(line, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        try:
            written = 0
            while written < len(data):
                written += os.write(self._handle, data[written:])
            os.fsync(self._handle)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, self._size)
            raise self._error(
                f"the line was NOT written ({error.strerror})", "Make room, then try again"
            ) from error
        self._size += len(data)

    def close(self) -> None:
        """Let others have the file."""
        os.close(self._handle)

    def _lock(self) -> None:
        if sys.platform == "win32":  # not locked there, but a change is noticed all the same
            return
        until = time.monotonic() + self._wait
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() >= until:
                    raise self._error(
                        "another process adds lines to it",
                        "Let all people use that one's page, or end it first",
                    ) from error
                time.sleep(_PAUSE)
            else:
                return

    def _mended(self) -> int:
        """The size of the file after its last line has its end, or is cut off if it is none."""
        data = self._file.read_bytes()
        begin = data.removeprefix(BOM_UTF8).lstrip()
        if begin and not begin.startswith(_BEGINS):
            raise self._error("holds something else than JSON lines", "Name another file")
        size = len(appended.whole(data))
        if size < len(data):
            os.ftruncate(self._handle, size)
        elif data and not data.endswith(b"\n"):
            os.write(self._handle, b"\n")
            size += 1
        else:
            return size
        os.fsync(self._handle)
        return size

    def _require_unchanged(self) -> None:
        """Nobody else wrote: what this process knows of the file would be wrong."""
        try:
            there = self._file.stat()
        except OSError as error:
            raise self._changed() from error
        if not os.path.samestat(there, os.fstat(self._handle)) or there.st_size != self._size:
            raise self._changed()

    def _changed(self) -> LinesError:
        return self._error(
            "another program changed it, so the line was NOT written",
            "Start again: what is in the file counts",
        )

    def _error(self, problem: str, remedy: str) -> LinesError:
        return LinesError(file=str(self._file), problem=problem, remedy=remedy)


def read(file: Path) -> tuple[bytes, ...]:
    """Every line of a file that others may be adding to; none where there is no file.

    What a kill left of a line is passed over: it is cut off when the file is opened.
    """
    return tuple(appended.whole(file.read_bytes()).splitlines()) if file.exists() else ()


# Below: private.


def _force_to_disk(folder: Path) -> None:
    if sys.platform == "win32":  # a folder has no handle there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
