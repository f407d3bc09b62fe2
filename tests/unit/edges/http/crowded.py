"""A process that has hardly any descriptors left."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT = 256
"""What the process may have; the tests have fewer than half of them."""


@contextmanager
def crowded(left: int) -> Iterator[None]:
    """All but *left* of the descriptors are taken, the highest numbers last."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, before[1]))
    taken = []
    try:
        while not taken or taken[-1] < LIMIT - left - 1:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
