"""A gateway as `escalera serve` runs it, before an upstream that says exactly what a test says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.unit.apps.gateway.sockets import Quick, served

from escalera.apps.gateway import jobs
from escalera.apps.gateway.admitting import OneKey
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.deposits import Deposits
from escalera.domain.project import ModelPrice
from escalera.edges.http.target import Limits, Target
from escalera.edges.http.upstream import HTTPUpstream
from escalera.engine.serve import Desk, Served
from escalera.settings.gateway_table import GatewayTable
from escalera.settings.jobs_table import JobsTable
from escalera.wiring import stores

SECRET = "sk-of-the-gateway-upstream"
LIMITS = Limits(connect=1.0, first_byte=2.0, idle=2.0, total=5.0)


class Upstream:
    """Answers each request with `answer`: pieces of bytes, pauses between, and perhaps the "end"
    of the connection.

    `by_path` has other answers, by the paths that they answer.
    """

    def __init__(self) -> None:
        self.answer: Iterable[bytes | float | str] = ()
        self.by_path: dict[bytes, Iterable[bytes | float | str]] = {}
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                found, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(found,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller:
            heard = b""
            while True:
                try:
                    request, heard = self._request(caller, heard)
                    self.requests.append(request)
                    path = request.split(b" ", 2)[1]
                    for piece in self.by_path.get(path, self.answer):
                        if isinstance(piece, float):
                            time.sleep(piece)
                        elif piece == "end":
                            return
                        else:
                            caller.sendall(piece)
                except OSError:
                    return
                if not self.answer and not self.by_path:
                    return

    def _request(self, caller: socket.socket, heard: bytes) -> tuple[bytes, bytes]:
        while b"\r\n\r\n" not in heard:
            heard += self._more(caller)
        head, _, body = heard.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more(caller)
        return head + b"\r\n\r\n" + body[:length], body[length:]

    def _more(self, caller: socket.socket) -> bytes:
        more = caller.recv(65536)
        if not more:
            raise ConnectionError
        return more

    def close(self) -> None:
        self._listener.close()


def whole(body: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json") -> bytes:
    """A response with its length."""
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


def chunked(pieces: Sequence[bytes]) -> list[bytes]:
    """A stream, each of the pieces in a chunk of its own."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return [head, *(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces if one), b"0\r\n\r\n"]


@contextmanager
def before(
    upstream: Upstream, *, key: str | None = None, state: Path | None = None, **table: Any
) -> Iterator[int]:
    """The port of a gateway whose model `m` is that upstream's.

    With a folder for its *state* it also takes files, batches and finetuning jobs.
    """
    base = urlsplit(f"http://127.0.0.1:{upstream.port}/v1")
    target = Target(base, fields={"Authorization": f"Bearer {SECRET}"})
    model = Served(
        revision="r",
        provider=_Unused(),
        upstream=HTTPUpstream(target, provider="m", limits=LIMITS),
        called="m",
        price=ModelPrice(prompt=1, completion=1),
        secret=SECRET,
    )
    desk = Desk(label="x", route=None, infer=None, models={"m": model})
    setup = Setup(table=GatewayTable(**table), entrance=OneKey(key))
    if state is not None:
        setup = _with_deposits(setup, state)
    app = application(desk, api_key=key, now=lambda: 1_000.0, setup=setup)
    with served(app, protocol=Quick) as port:
        yield port


def _with_deposits(setup: Setup, state: Path) -> Setup:
    entrance = setup.entrance
    assert entrance is not None
    deposits = Deposits(
        stores.at(state),
        table=lambda: setup.table,
        now=stores.wall_clock(),
        tell=print,
        metrics=setup.metrics,
    )
    tuning = jobs.opened(
        stores.at(state),
        lambda: JobsTable(waiting=10_000),
        models=lambda: ("m",),
        tasks=lambda: ("task",),
        now=stores.wall_clock(),
    )
    return replace(
        setup,
        rooms=[*deposits.rooms(), tuning],
        beside=lambda gateway: deposits.running(gateway, entrance),
    )


class _Unused:
    """The provider of a model that is asked in its own words."""

    unit = concurrency = 1

    async def close(self) -> None:
        """Nothing is held."""
