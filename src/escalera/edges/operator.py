"""Who runs a command, as the machine knows it."""

from __future__ import annotations

import os
import socket
import sys

if sys.platform != "win32":
    import pwd


def name() -> str:
    """The user of this process at this machine, such as `anna@gateway-1`; no variable is asked."""
    return f"{_user()}@{socket.gethostname()}"


# Below: private.


def _user() -> str:
    if sys.platform == "win32":
        return os.getlogin()
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run as a number without a name
        return str(os.geteuid())
