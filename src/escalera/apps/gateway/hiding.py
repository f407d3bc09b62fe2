"""Keeping the gateway's own keys out of what callers are told.

Some servers say in an error which key or header they were sent. Errors are the one thing that the
gateway tells in an upstream's words, so they are looked through; answers are passed on as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Hide = Callable[[bytes], bytes]
SHORTEST = 8
"""Letters of what is hidden: anything shorter is no secret, and stands in ordinary words."""
INSTEAD = b"[hidden]"


def of(secrets: Iterable[str]) -> Hide:
    """Hides *secrets* in bytes, the longest first."""
    kept = sorted({one.encode() for one in secrets if len(one) >= SHORTEST}, key=len, reverse=True)
    if not kept:
        return nothing
    pattern = re.compile(b"|".join(map(re.escape, kept)))
    return lambda said: pattern.sub(INSTEAD, said)


def nothing(said: bytes) -> bytes:
    """Leaves everything as it is."""
    return said
