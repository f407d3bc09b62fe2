"""One connection to an HTTP/1.1 server: a request, its response, then perhaps the next.

Nothing here waits or chooses: bytes come in from the transport, pass httptools' parser, and wake
whoever waits for the head, for a piece of the body or for all of it. Time is looked at from
outside, by `overdue`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from escalera.domain.traffic import Fault
from escalera.edges.http import framing
from escalera.edges.http.target import Limits
from escalera.errors import UpstreamFault
from escalera.ports.serving import Glance

MAX_HEAD = 64 * 1024
"""Bytes of a response's head, and of what is neither head nor body between two pieces of it."""
HIGH_WATER = 64 * 1024
"""Unread bytes of a body at which the server is made to wait."""
JOINED = 16 * 1024
"""Bytes of a body up to which it is copied behind its head instead of written after it."""


class Connection(asyncio.BufferedProtocol):
    """Speaks to one server; `ask` it only when it is new or `reusable`.

    What arrives is written into *buffer*, which all connections of a loop may share: it is read
    before the loop does anything else. Its size bounds what a stalled reader holds. *hold* makes
    writes on its transport wait for the end of a turn.
    """

    __slots__ = (
        "_asked", "_buffer", "_busy", "_fresh", "_glance", "_hold", "_is_aligned", "_is_coded",
        "_keep_alive", "_limit", "_listener", "_loop", "_lost", "_overhead", "_parser", "_paused",
        "_piece_size", "_pieces", "_provider", "_spoke", "_taker", "_total_at", "_transport",
        "_unread", "_waiter", "body_begun", "fault", "has_head", "headers", "heard", "problem",
        "status", "whole",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        provider: str,
        buffer: memoryview,
        hold: Callable[[asyncio.Transport], asyncio.Transport],
    ) -> None:
        self._loop = loop
        self._hold = hold
        self._buffer = buffer
        self._provider = provider
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._listener: Callable[[], None] | None = None
        self._taker: Callable[[bytes], bool] | None = None
        self._glance: Glance | None = None
        self._is_aligned = False  # what comes next begins with a chunk
        self._spoke = False  # since the last look at the clock
        self._lost = False
        self._busy = False
        self._fresh = True
        self.whole = True
        self._keep_alive = True
        self._paused = False
        self._pieces: list[bytes] = []

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: the last response is whole, the server stays."""
        return self.whole and self._keep_alive and not self._lost

    @property
    def went_stale(self) -> bool:
        """Whether the server closed a connection that it had used before, without a byte."""
        return self.fault == "reset" and not self._fresh and self._overhead == 0

    # What is asked of the server

    def ask(self, head: bytes, body: bytes, now: float, total_at: float) -> asyncio.Future[None]:
        """Send a request; the future is done when the head of the response came or failed.

        *now* and *total_at* are readings of the loop's clock.
        """
        self.begin(head, body, now, total_at)
        return self._wait(done=self._lost)

    def begin(self, head: bytes, body: bytes, now: float, total_at: float) -> None:
        """Send a request; nobody waits for its response yet."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._is_coded = False
        self.has_head = self.whole = self.body_begun = self._keep_alive = False
        self.fault: Fault = ""
        self.problem = ""
        self._is_aligned = self._spoke = False
        self._unread = self._overhead = self._piece_size = 0
        self._limit: int | None = None
        self._listener = None
        self._asked = self.heard = now
        self._total_at = total_at
        self._busy = True
        if self._lost:  # closed by the server between being found and being asked
            self._busy = False
            self.fault, self.problem = "reset", "closed by the server"
        elif len(body) <= JOINED:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def call(self, listener: Callable[[], None] | None, limit: int | None) -> None:
        """Call *listener* once: when a response of status 200 is whole within *limit* bytes, when
        another status came, or something went wrong. Nobody may wait meanwhile; None takes it back.
        """
        self._listener = listener
        self._limit = limit

    async def head(self) -> None:
        """Wait until the head of the response came or failed."""
        if not (self.has_head or self.fault):
            await self._wait()

    def body(self) -> bytes:
        """What of the body is there; it stays there."""
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def piece(self) -> bytes:
        """Everything of the body that is there, at least a byte; empty at its end."""
        while not self._pieces:
            if self.whole:
                return b""
            self.check()
            await self._wait()
        return self._take()

    async def pour(self, take: Callable[[bytes], bool], glance: Glance | None = None) -> None:
        """Give *take* what is there of the body and then each piece as it comes, until it says
        False, the body ends or something goes wrong; but for chunks to which *glance* says True.
        """
        if self._pieces and not take(self._take()):
            return
        if self.whole or self.fault:
            return
        self._taker, self._glance = take, glance
        try:
            await self._wait()
        finally:
            self._taker = self._glance = None

    async def rest(self, limit: int) -> bytes:
        """The body from here to its end."""
        self._limit = limit
        if self._unread > limit:
            self._too_large(limit)
        elif not self.whole:
            self.check()
            if self._paused:
                self._resume()
            await self._wait()
        if self.fault:
            self.check()
        return self._take()

    def check(self) -> None:
        """Raise what went wrong with this exchange, if anything did."""
        if self.fault:
            raise UpstreamFault(self.problem, provider=self._provider, fault=self.fault)

    def fail(self, fault: Fault, problem: str) -> None:
        """Give the exchange up for *fault*, the first that is told, and close."""
        if not self.fault:
            self.fault, self.problem = fault, problem
        self._keep_alive = False
        self._wake()
        self.abort()
        if self._listener is not None:
            self._tell()

    def park(self) -> None:
        """Drop what was not read of a whole response, and go on listening to the server."""
        self._pieces.clear()
        if self._paused:
            self._resume()

    def abort(self) -> None:
        """Close at once; whatever was not sent or read is dropped."""
        self._busy = False
        if not self._lost:
            self._transport.abort()

    def overdue(self, now: float, limits: Limits) -> bool:
        """Whether a limit of time has passed; the exchange has failed then.

        While the server is made to wait for the reader its silence is not its own.
        """
        if not self._busy:
            return False
        if self._spoke:
            self._spoke, self.heard = False, now
        if now >= self._total_at:
            self.fail("total-timeout", "no whole answer in the time that it had")
        elif not self.body_begun:
            if now - self._asked < limits.first_byte:
                return False
            self.fail("first-byte-timeout", f"no byte of an answer within {limits.first_byte:g} s")
        elif self._paused or now - self.heard < limits.idle:
            return False
        else:
            self.fail("idle-timeout", f"silent for {limits.idle:g} s within the answer")
        return True

    # Waiting

    def _wait(self, *, done: bool = False) -> asyncio.Future[None]:
        waiter = self._loop.create_future()
        if done:
            waiter.set_result(None)
        else:
            self._waiter = waiter
        return waiter

    def _wake(self) -> None:
        self._glance = None
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _tell(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener()

    def _take(self) -> bytes:
        pieces = self._pieces
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread = 0
        if self._paused:
            self._resume()
        return taken

    def _resume(self) -> None:
        self._paused = False
        self.heard = self._loop.time()
        if not self._lost:
            self._transport.resume_reading()

    def _too_large(self, limit: int) -> None:
        self.fail("too-large", f"the body is longer than {limit} bytes")

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports are none of asyncio's classes.
        self._transport = self._hold(cast("asyncio.Transport", transport))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_aligned:
            came = self._buffer[:nbytes].tobytes()
            begins = framing.chunk_data(came)
            if begins and self._glance is not None and self._glance(came, begins):
                self._spoke = True  # the parser is where it was: between two chunks
                return
            self._is_aligned = False
        if not self._busy:
            self._keep_alive = False
            self.abort()  # nothing was asked
            return
        self.heard = self._loop.time()
        self._piece_size = nbytes
        self._overhead += nbytes
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except httptools.HttpParserUpgrade:
            self._broken("the server changes the protocol")
        except httptools.HttpParserError as error:
            self._broken(f"not HTTP: {error}")
        else:
            if self._taker is not None and self._pieces:
                self._give(self._taker, nbytes)
            if self._overhead > MAX_HEAD and self._busy:
                self._broken(f"more than {MAX_HEAD} bytes of head, or between pieces of the body")
            if self._listener is not None and (
                self.whole or (self.has_head and self.status != 200)
            ):
                self._tell()

    def _give(self, take: Callable[[bytes], bool], nbytes: int) -> None:
        pieces = self._pieces
        came = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._glance is not None:
            self._is_aligned = framing.is_chunk(self._buffer[:nbytes].tobytes(), came)
        if not take(came):
            self._taker = None  # more may come before whoever waits goes on
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        del self._parser  # it leads back here: closed connections would wait for the collector
        if not self._busy:
            return
        self._busy = False
        said = str(exc) if exc else "closed by the server"
        if not self.has_head:
            self.fail("reset", f"{said} before it answered")
        elif exc is None and framing.ends_with_connection(self.headers):
            self.whole = True
            self._wake()
            self._tell()
        else:
            self.fail("cut", f"{said} within the answer")

    # What the parser says

    def on_message_begin(self) -> None:
        if self.whole:
            self._broken("more than one response to a request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            name = name.lower()
            if name == b"transfer-encoding":
                self._is_coded = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if not self._busy:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self.headers.clear()  # an interim response: the real one follows
            return
        if not 200 <= status < 600 or self._overhead > MAX_HEAD or self._is_coded:
            problem = self._head_problem(status)
            if problem:
                self._broken(problem)
                return
        self.status = status
        self.has_head = True
        self._overhead = 0
        self._wake()

    def _head_problem(self, status: int) -> str:
        """What makes the head one that no two readers would read alike."""
        if not 200 <= status < 600:
            return f"the status {status}"
        if self._overhead > MAX_HEAD:
            size = sum(len(name) + len(value) for name, value in self.headers)
            if size + self._overhead - self._piece_size > MAX_HEAD:
                return f"the head of the response is longer than {MAX_HEAD} bytes"
        return framing.doubt(self.headers)

    def on_body(self, body: bytes) -> None:
        if not self._busy:
            return
        self.body_begun = True
        self._overhead = 0
        self._pieces.append(body)
        if self._taker is not None:
            return  # it is given on once all that arrived is read
        self._unread += len(body)
        if self._limit is not None:
            if self._unread > self._limit:
                self._too_large(self._limit)
            return
        if self._unread > HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        if self._waiter is not None:
            self._wake()

    def on_message_complete(self) -> None:
        if not self._busy or not self.has_head:
            return
        self.whole = True
        self._busy = False
        self._fresh = False
        self._keep_alive = self._parser.should_keep_alive()
        self._wake()

    def _broken(self, problem: str) -> None:
        """The server is not understood; a response that was whole before stays so."""
        if self.whole:
            self._keep_alive = False
            self.abort()
        else:
            self.fail("malformed", problem)
