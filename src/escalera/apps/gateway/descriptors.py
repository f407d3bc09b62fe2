"""How many files and connections a process of the gateway may have open.

A stream takes two, its caller's and its upstream's. Most systems let a process have 1,024 at first
and many more where it asks for them: without asking, the five hundredth caller is the last.
"""

from __future__ import annotations

import sys
from contextlib import suppress

if sys.platform != "win32":
    import resource

MOST = 65_536
"""What is asked for at most, where the system sets no limit."""


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
