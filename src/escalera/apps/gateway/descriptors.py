"""How many files and connections a process of the gateway may have open.

A stream takes two, its caller's and its upstream's. Most systems let a process have 1,024 at first
and many more where it asks for them: without asking, the five hundredth caller is the last. Where
there are no more, those who come are told so, and those who are served go on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress

from escalera.apps.gateway.metrics import Metrics

if sys.platform != "win32":
    import resource

MOST = 65_536
"""What is asked for at most, where the system sets no limit."""
QUIET = 60.0
"""Seconds between two words to the operator."""
FULL = (
    "the gateway has as many files and connections open as it may have: callers who come now get "
    "status 503. Raise the limit (`ulimit -Hn`) or use more workers"
)


def raised(most: int = MOST) -> None:
    """Let this process, and those that it starts, have as many as the system grants, up to *most*.

    What it has already is never lowered; where the system refuses, everything stays as it is.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # such as macOS, beyond what one process may have
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Fullness:
    """Says of each connection that comes whether it is one too many, and counts and tells those."""

    def __init__(
        self, is_full: Callable[[], bool], metrics: Metrics, tell: Callable[[str], None]
    ) -> None:
        self._is_full, self._metrics, self._tell = is_full, metrics, tell
        self._told = float("-inf")

    def __call__(self) -> bool:
        """Whether a connection that has just come is one too many."""
        if not self._is_full():
            return False
        self._metrics.count("turned_away_total", ())
        now = time.monotonic()
        if now - self._told >= QUIET:
            self._told = now
            self._tell(FULL)
        return True
