"""Silence for a tool that prints: what it says in its own threads goes nowhere.

Threads that were there before go on as they did, so that a progress bar of the caller stays.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO


@contextmanager
def muted() -> Iterator[None]:
    """Nothing that this thread, or one that is made meanwhile, writes to stdout or stderr."""
    heard = {*threading.enumerate()} - {threading.current_thread()}
    with (
        redirect_stdout(_Muted(sys.stdout, heard)),
        redirect_stderr(_Muted(sys.stderr, heard)),
    ):
        yield


# Below: private.


class _Muted:
    def __init__(self, stream: TextIO, heard: set[threading.Thread]) -> None:
        self._stream, self._heard = stream, heard

    def write(self, text: str) -> int:
        if threading.current_thread() in self._heard:
            return self._stream.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
