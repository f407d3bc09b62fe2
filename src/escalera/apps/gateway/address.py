"""Where a gateway, or its administration, listens, and how that is told."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import ExitStack

from escalera.errors import InputError

BACKLOG = 4096
"""Connections that may wait to be taken."""


def listening(host: str, port: int) -> socket.socket:
    """A listening socket, which processes that are started inherit.

    Raises `InputError` where there can be none.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise InputError(_refused(host, port, error)) from error
        listener.set_inheritable(True)
        stack.pop_all()  # open from now on
        return listener


def url(host: str, listener: socket.socket) -> str:
    """What a caller on this machine would write for *listener*, which listens on *host*."""
    shown = f"[{host}]" if ":" in host else host or listener.getsockname()[0]
    return f"http://{shown}:{listener.getsockname()[1]}"


def is_loopback(host: str) -> bool:
    """Whether *host*, an address without brackets or a name, is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


# Below: private.


def _refused(host: str, port: int, error: OSError) -> str:
    said = f"nothing can be served on {host!r}, port {port}: {error.strerror or error}. "
    if isinstance(error, socket.gaierror):
        return said + "Give --host a name or an address of this machine, without brackets or port"
    return said + "Choose another --host or --port, or end what listens there"
