"""A keep-alive client for HTTP/1.1: asyncio transports, httptools, and nothing between them.

One host, one kind of call. General-purpose clients spend more processor time on their pools and
layers than everything else that happens to a call here; their pools also slow down with the
number of connections. No redirects, no proxies, no compression, nothing from the environment.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from escalera.edges.http import cohorts, room
from escalera.edges.http.connection import Connection
from escalera.edges.http.target import Limits, Method, Target
from escalera.errors import UpstreamFault
from escalera.ports.serving import Glance

RECEIVED = 64 * 1024
"""Bytes that are taken from a socket at a time."""


class HTTPUpstream:
    """Posts to one host, over a connection that was used last where one is idle.

    A connection that the server closed while it was idle shows only when it is asked: where not a
    byte of a response came on one that was used before, the request is sent once more on a new one.
    `provider` is what faults call the host.
    """

    def __init__(self, target: Target, *, provider: str, limits: Limits | None = None) -> None:
        self._target = target
        self._provider = provider
        self._limits = limits or Limits()
        self._tick = self._limits.tick
        self._buffer = memoryview(bytearray(RECEIVED))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle: deque[tuple[float, Connection]] = deque()
        self._active: set[Connection] = set()

    def __repr__(self) -> str:
        return f"HTTPUpstream({self._provider!r}, {self._target.host!r}, {self._target.port})"

    async def send(
        self,
        path: str,
        body: bytes,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        seconds: float | None = None,
        method: Method = "POST",
    ) -> Exchange:
        """Post *body* to *path* below the base URL; the response once its head is there.

        *seconds* bounds the whole exchange where that is less than the limit. Raises
        `UpstreamFault` where no response comes, and `InputError` for headers that cannot be sent.
        """
        head = self._target.head(path, len(body), headers, method=method)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        now = loop.time()
        total = self._limits.total
        total_at = now + (total if seconds is None or seconds > total else seconds)
        connection = self._reusable()
        if connection is None:
            connection = await self._connect(loop, total_at)
            now = loop.time()
        self._watch(connection)
        try:
            await connection.ask(head, body, now, total_at)
            if connection.fault and connection.went_stale:
                connection = await self._anew(connection, head, body, total_at)
        except BaseException:
            self.release(connection)
            raise
        self._check(connection)
        return Exchange(connection, self, connection.status, connection.headers)

    def begin(
        self, path: str, body: bytes, *, seconds: float, limit: int, listener: Callable[[], None]
    ) -> Sending | None:
        """Post *body* to *path* at once, over a connection that is idle; None where none is.

        *listener* is called once: when `Sending.answer` has something to give, or never will. An
        answer of more than *limit* bytes is a fault. Otherwise as `send`.
        """
        loop = self._loop
        if loop is None or not loop.is_running():
            return None
        connection = self._reusable()
        if connection is None:
            return None
        head = self._target.head(path, len(body), ())
        now = loop.time()
        total = self._limits.total
        total_at = now + (total if seconds > total else seconds)
        self._watch(connection)
        connection.begin(head, body, now, total_at)
        connection.call(listener, limit)
        return Sending(connection, self, 0, (), (head, body, total_at))

    async def sent(
        self, connection: Connection, head: bytes, body: bytes, total_at: float
    ) -> Connection:
        """The connection on which the head of the response to what was begun came. Raises
        `UpstreamFault`.
        """
        try:
            await connection.head()
            if connection.fault and connection.went_stale:
                connection = await self._anew(connection, head, body, total_at)
        except BaseException:
            self.release(connection)
            raise
        if not connection.has_head:
            self._check(connection)
        return connection

    async def close(self) -> None:
        """Drop every connection, also those in use; closing twice is harmless."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._idle:
            self._idle.pop()[1].abort()
        while self._active:
            self._active.pop().fail("cancelled", "the client was closed")

    def release(self, connection: Connection) -> None:
        """Keep a connection whose response is whole; close any other."""
        self._active.discard(connection)
        if connection.reusable and len(self._idle) < self._limits.kept:
            connection.park()
            self._idle.append((connection.heard, connection))
        else:
            connection.abort()

    # Below: private.

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin anew in another loop: nothing of the last one can be used."""
        self._loop = loop
        self._timer = None
        self._idle.clear()
        self._active.clear()

    def _reusable(self) -> Connection | None:
        """The connection used last: the others may go stale and be closed by the server."""
        while self._idle:
            _, connection = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _connect(self, loop: asyncio.AbstractEventLoop, total_at: float) -> Connection:
        target, hold = self._target, cohorts.of(loop).hold
        if room.is_scarce():
            raise self._no_room()
        seconds = min(self._limits.connect, max(0.0, total_at - loop.time()))
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._provider, self._buffer, hold),
                    target.host,
                    target.port,
                    ssl=target.tls,
                    server_hostname=target.host if target.tls else None,
                )
        except TimeoutError as error:
            problem, fault = f"no connection within {seconds:g} s", "connect-timeout"
            raise UpstreamFault(problem, provider=self._provider, fault=fault) from error
        except (OSError, UnicodeError) as error:
            if room.is_missing(error):
                raise self._no_room() from error
            problem = f"no connection: {str(error) or type(error).__name__}"
            raise UpstreamFault(problem, provider=self._provider, fault="connect") from error
        return connection

    def _no_room(self) -> UpstreamFault:
        problem = "no connection: this process can open no more (`ulimit -n`)"
        return UpstreamFault(problem, provider=self._provider, fault="descriptors")

    async def _anew(
        self, stale: Connection, head: bytes, body: bytes, total_at: float
    ) -> Connection:
        """Ask once more on a new connection, in place of one that the server had closed."""
        self._active.discard(stale)
        loop = asyncio.get_running_loop()
        connection = await self._connect(loop, total_at)
        self._watch(connection)
        try:
            await connection.ask(head, body, loop.time(), total_at)
        except BaseException:
            self.release(connection)
            raise
        return connection

    def _check(self, connection: Connection) -> None:
        """Raise what went wrong, if anything did."""
        if connection.fault:
            self._active.discard(connection)
            connection.check()

    def _watch(self, connection: Connection) -> None:
        """Look at the clock for a connection that is asked."""
        self._active.add(connection)
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(self._tick, self._sweep, self._loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One look at the clock for all exchanges and idle connections together."""
        now, limits = loop.time(), self._limits
        self._active = {found for found in self._active if not found.overdue(now, limits)}
        self._idle = deque(kept for kept in self._idle if self._is_kept(now, *kept))
        self._timer = None
        if self._active or self._idle:
            self._timer = loop.call_later(self._tick, self._sweep, loop)

    def _is_kept(self, now: float, since: float, connection: Connection) -> bool:
        if connection.reusable and now - since < self._limits.kept_seconds:
            return True
        connection.abort()
        return False


class Exchange(msgspec.Struct, eq=False):
    """A response whose head has come. `close` it in any case: it gives the connection back."""

    _connection: Connection | None
    _upstream: HTTPUpstream
    status: int
    headers: Sequence[tuple[bytes, bytes]]

    def read(self) -> Coroutine[Any, Any, bytes]:
        """The next bytes of the body as they came, empty at its end. Raises `UpstreamFault`."""
        return self._open().piece()

    def pour(
        self, take: Callable[[bytes], bool], glance: Glance | None = None
    ) -> Coroutine[Any, Any, None]:
        """Give *take* each piece of the body as it comes, until it says False, or none comes; but
        for the chunks to which *glance* says True.
        """
        return self._open().pour(take, glance)

    def whole(self, limit: int) -> Coroutine[Any, Any, bytes]:
        """The rest of the body. Raises `UpstreamFault` where it is longer than *limit* bytes."""
        return self._open().rest(limit)

    def close(self) -> None:
        """Keep the connection if the body was read to its end, and drop it otherwise."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._upstream.release(connection)

    def _open(self) -> Connection:
        if self._connection is None:
            raise ValueError("this exchange is closed: read its body before")
        return self._connection


class Sending(Exchange, eq=False):
    """A request that was sent, and whose response is not waited for yet.

    Either `answer` gives the whole of it, or `opened` waits as `HTTPUpstream.send` does; `close` it
    in any case.
    """

    _sent: tuple[bytes, bytes, float]

    def answer(self) -> bytes | None:
        """The whole body of a response of status 200; None where it is none, or not whole."""
        connection = self._open()
        if connection.fault or not connection.whole or connection.status != 200:
            return None
        self.status, self.headers = 200, connection.headers
        return connection.body()

    async def opened(self) -> Exchange:
        """The response once its head is there. Raises `UpstreamFault`."""
        connection = self._open()
        self._connection = None
        connection.call(None, None)
        there = await self._upstream.sent(connection, *self._sent)
        return Exchange(there, self._upstream, there.status, there.headers)
