"""Whether this process may open another file or connection.

Each upstream that is asked takes a descriptor, and so does every caller, every file of the stores
and every look-up of a name. The last ones are kept for those that have no other way: a caller who
is told to come again has to be let in first.
"""

from __future__ import annotations

import errno
import os
import socket
import sys

if sys.platform != "win32":
    import resource

SPENT = frozenset({errno.EMFILE, errno.ENFILE})
"""What the system says where this process, or the machine, can open no more."""
MOST_SPARE = 512
"""Descriptors that are kept at most; otherwise it is an eighth of what the process may have."""


def is_scarce() -> bool:
    """Whether only those that are kept are left.

    The next descriptor is the lowest number that is free: all below it are taken.
    """
    try:
        number = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        return error.errno in SPENT
    os.close(number)
    return number >= _highest()


def is_missing(error: BaseException) -> bool:
    """Whether it is for want of room that something came to *error*; also, no name is looked up."""
    if isinstance(error, socket.gaierror):
        return is_scarce()
    return isinstance(error, OSError) and error.errno in SPENT


# Below: private.


def _highest() -> float:
    if sys.platform == "win32":
        return float("inf")
    granted = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if granted == resource.RLIM_INFINITY:
        return float("inf")
    return granted - min(MOST_SPARE, granted // 8)
