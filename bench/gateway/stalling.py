"""Callers that ask for a long stream and then read nothing: what do they cost in memory?"""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from typing import Protocol
from urllib.parse import urlsplit

READERS = 20
WAIT = 4.0
"""Seconds until whatever piles up has piled up."""


class Server(Protocol):
    """A running system, where it is asked, and for what."""

    url: str
    model: str
    key: str

    @property
    def megabytes(self) -> float: ...


def grown(system: Server, readers: int = READERS) -> float:
    """Megabytes of memory for each of so many readers that stall."""
    address = urlsplit(system.url)
    body = json.dumps(
        {"model": system.model, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    ).encode()
    head = (
        f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {system.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    before = system.megabytes
    with ExitStack() as stack:
        for _ in range(readers):
            sock = stack.enter_context(socket.create_connection((address.hostname, address.port)))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            sock.sendall(head.encode() + body)
        time.sleep(WAIT)
        return max(0.0, system.megabytes - before) / readers
