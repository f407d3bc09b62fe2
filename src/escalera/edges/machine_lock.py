"""A lock that one process of a machine may hold: the system lets go of it when the process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from escalera.errors import StoreUnavailable

EVERY = 0.1
"""Seconds between two tries."""


@contextmanager
def held(file: Path, *, until: Callable[[], bool]) -> Iterator[bool]:
    """Wait for the lock on *file*, and hold it; False where *until* came before it was free.

    However the process ends, killed or not, the lock is free from then on.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(
            store=str(file),
            problem=f"cannot be opened ({error})",
            remedy="Look whether the folder can be written",
        ) from error
    try:
        yield _taken(handle, until)
    finally:
        os.close(handle)


# Below: private.


def _taken(handle: int, until: Callable[[], bool]) -> bool:
    while not until():
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(EVERY)
        else:
            return True
    return False
