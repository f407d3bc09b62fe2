"""The server of `escalera serve` in a thread, and callers who say exactly what a test says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httptools
import uvicorn

from escalera.apps.gateway import listening
from escalera.apps.gateway.protocol import LeanProtocol


class Quick(LeanProtocol):
    """The protocol with times that a test can wait for."""

    HEAD_SECONDS = 0.3
    BODY_SECONDS = 0.3
    UNREAD_SECONDS = 0.3

    def connection_made(self, transport: Any) -> None:
        self.timeout_keep_alive = 0.5
        super().connection_made(transport)


@contextmanager
def served(
    app: Any,
    *,
    protocol: type[LeanProtocol] = LeanProtocol,
    told: Callable[[uvicorn.Server], None] = lambda _: None,
) -> Iterator[int]:
    """Serve *app* as `escalera serve` does; yields the port. *told* gets the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = listening.server(app, protocol=protocol)
        told(server)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()


@dataclass
class Response:
    """One response as it came."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = False

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


def responses(said: bytes) -> list[Response]:
    """All responses in what a server said; what is no HTTP raises."""
    found: list[Response] = []

    class Reader:
        def on_message_begin(self) -> None:
            found.append(Response())

        def on_header(self, name: bytes, value: bytes) -> None:
            found[-1].headers.append((name, value))

        def on_headers_complete(self) -> None:
            found[-1].status = parser.get_status_code()

        def on_body(self, body: bytes) -> None:
            found[-1].body += body

        def on_message_complete(self) -> None:
            found[-1].whole = True

    parser = httptools.HttpResponseParser(Reader())
    parser.feed_data(said)
    return [one for one in found if one.status != 100]


def said(port: int, *pieces: bytes | float, wait: float = 5.0, end: bool = False) -> bytes:
    """All that the server says to *pieces*, of which numbers are pauses, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as caller:
        heard = b""
        try:
            for piece in pieces:
                if isinstance(piece, float):
                    time.sleep(piece)
                else:
                    caller.sendall(piece)
            if end:
                caller.shutdown(socket.SHUT_WR)
            while more := caller.recv(65536):
                heard += more
        except ConnectionError:
            pass
        return heard


def asked(port: int, *pieces: bytes | float, wait: float = 5.0) -> list[Response]:
    """The responses to *pieces*; raises `TimeoutError` where the server does not close."""
    return responses(said(port, *pieces, wait=wait))


def post(body: bytes, *fields: bytes, path: bytes = b"/v1/chat/completions") -> bytes:
    """A request that ends its connection."""
    head = [b"POST " + path + b" HTTP/1.1", b"Host: x", b"Connection: close", *fields]
    if not any(one.lower().startswith((b"content-length", b"transfer-enc")) for one in fields):
        head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body
