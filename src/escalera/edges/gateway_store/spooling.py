"""A file that is being written under a name that says that it is not whole.

Whoever writes it holds it; what nobody holds was left by a process that ended, and may be removed.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PART = ".part"
"""Ends the name of a file that is not whole."""


class Spool:
    """The file that will be *target* once it is kept.

    It may be dropped from another thread than the one that writes.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.size = 0
        self._path = target.with_name(target.name + PART)
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self._handle: int | None = _held(self._path)

    @property
    def digest(self) -> str:
        """The SHA-256 of what was written, in hexadecimal digits."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Add bytes; none where it was dropped meanwhile."""
        with self._lock:
            if self._handle is None:
                return
            left = memoryview(data)
            while left:
                left = left[os.write(self._handle, left) :]
            self._digest.update(data)
            self.size += len(data)

    def keep(self, record: Callable[[], None]) -> None:
        """Force it to disk under its own name, and *record* that it is there.

        Where that cannot be recorded it can still be dropped; where it was, nothing happens.
        """
        with self._lock:
            if self._handle is None:
                return
            os.fsync(self._handle)
            self._path.replace(self.target)
            self._path = self.target
            _force_to_disk(self.target.parent)
            record()
            self._close()

    def drop(self) -> None:
        """Remove it, unless it was kept."""
        with self._lock:
            if self._handle is not None:
                self._path.unlink(missing_ok=True)
                self._close()

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def swept(path: Path, is_wanted: Callable[[], bool]) -> bool:
    """Remove a file that nobody holds, unless it *is_wanted*; whether it was removed.

    Nothing is removed where files cannot be held.
    """
    if sys.platform == "win32":
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_wanted():  # asked while it is held: nobody can come to want it now
            return False
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


# Below: private.


def _held(path: Path) -> int:
    """A new file that this process holds, for its owner alone to read."""
    while True:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        if sys.platform == "win32":
            return handle
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # nobody swept it before it was held
            return handle
        os.close(handle)


def _force_to_disk(folder: Path) -> None:
    """Make the names in a folder durable, where folders can be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
