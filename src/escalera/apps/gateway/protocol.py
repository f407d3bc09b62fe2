"""uvicorn's HTTP protocol, with less work for each request, and with bounds on callers.

A connection has one timer for all that is waited for, instead of one for each request.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from functools import lru_cache
from typing import Any, Literal, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from escalera.apps.gateway import heads, wire
from escalera.apps.gateway.cycle import Fields, LeanCycle
from escalera.apps.gateway.gathering import at_once
from escalera.apps.gateway.heads import KnownHead
from escalera.apps.gateway.turns import Turns
from escalera.ports.serving import Cohorts, Gather

MAX_HEAD = 64 * 1024
"""Bytes of a request's head that come in pieces, and of what comes between two pieces of a body or
behind it: fields there are kept until they are whole.
"""
MAX_FIELDS = 200
"""Fields of a request's head."""
EARNS = 4 * 1024 * 1024
"""Bytes of a body that give a caller the time for a body once more: files may be large."""
MAX_KNOWN = 64
"""Bytes of a target that is read once and remembered."""
MAX_PIPELINED = 16
"""Requests that may wait on one connection for those before them."""
MAX_NEWS = 8
"""Heads that a connection may have before none is remembered any more: they all differ."""
Part = Literal["nothing", "head", "body"]
"""What of a request is coming."""
FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""Fields that say that a body follows."""


class Lane(Protocol):
    """What answers requests without a task, where that can be."""

    def take(self, cycle: LeanCycle, turns: Turns) -> bool:
        """Answer *cycle*, whose request is whole, now or later; False where nothing was done."""


class LeanProtocol(HttpToolsProtocol):
    """The protocol that `uvicorn.Config(http=LeanProtocol)` takes.

    Whoever is slow does not hold a connection for ever: a head and every `EARNS` bytes of a body
    have their times from their first byte on, and a caller who does not read is given up. What
    cannot be told from two requests, or is no HTTP, ends the connection.
    """

    HEAD_SECONDS = 30.0
    """For the head of a request."""
    FULL_SECONDS = 2.0
    """For its first byte, where there is room for nobody else."""
    BODY_SECONDS = 120.0
    """For its body."""
    UNREAD_SECONDS = 60.0
    """For a caller to read something of what waits for it."""

    _part: Part = "nothing"
    _size = _hosts = _piece = _beside = 0  # a piece is counted without what of it is of a body
    _until: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _answering: LeanCycle | None = None
    _lane: Lane | None = None
    _pending: LeanCycle | None = None
    _known: KnownHead | None = None
    _news = 0
    _is_one_too_many = False
    _fields: list[tuple[bytes, bytes]]
    _gather: Gather
    _turns: Turns
    headers: Fields  # type: ignore[assignment]
    cycle: LeanCycle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller is there."""
        cohorts: Cohorts = getattr(self.app, "gathering", at_once)()
        self._gather = cohorts.gather
        super().connection_made(cohorts.hold(transport))
        self._turns = Turns(self.app, loop=self.loop, tasks=self.tasks)
        self._lane = getattr(self.app, "lane", None)
        self._is_one_too_many = getattr(self.app, "is_full", bool)()
        self._wait(self.FULL_SECONDS if self._is_one_too_many else self.HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        if self._known is not None and self._is_known(data):
            return
        before, self._piece = self._part, len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # it is answered in HTTP/1.1; what follows is not read
        except httptools.HttpParserError as error:
            said = error.__context__
            told = said.args if isinstance(said, _Refused) else (400, "This is no request of HTTP.")
            self._refuse(*told)
        else:
            if self._part != "nothing":
                self._wait_for_more(before, len(data))
        if self._pending is not None:
            self._gather("request", LeanProtocol._begin, self)
            if self._news < MAX_NEWS and before == self._part == "nothing":
                self._remember(data)

    def eof_received(self) -> None:
        """The caller says no more: the transport would close without what is still held back."""
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        for timer in (self._timer, self._reading):
            if timer is not None:
                timer.cancel()
        self._timer = self._reading = None
        self._begin()  # what waits for others of its turn came all the same, and is recorded
        super().connection_lost(exc)
        self._leave()
        self._turns.end()
        # They lead back to this: closed connections would be kept until the collector comes.
        self.cycle = self._answering = self._pending = None  # type: ignore[assignment]

    def pause_writing(self) -> None:
        """The caller does not read."""
        super().pause_writing()
        self._watch_reading()

    # What the parser says

    def on_message_begin(self) -> None:
        """A request begins."""
        self._part, self._size, self._hosts, self._until = "head", 0, 0, None
        self.url, self.expect_100_continue = b"", False
        self.headers = self._fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; those behind a body are not read."""
        if self._part == "head":
            name = name.lower()
            if name == b"host":
                self._hosts += 1
            elif name == b"transfer-encoding" and value.lower() != b"chunked":
                raise _Refused(501, "A body comes as it is, or in chunks: leave out other codings.")
            elif name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        parser, url = self.parser, self.url
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":
            raise _Refused(505, "Ask in HTTP/1.1.")
        if self._hosts != 1 and (self._hosts or version == "1.1"):  # RFC 9112, section 3.2
            raise _Refused(400, "A request has one field 'Host'.")
        where = _where_known(url) if len(url) <= MAX_KNOWN else _where(url)
        size = self._size + self._piece
        if self._is_one_too_many and where[0] != "/health":  # which asks for this process alone
            raise _Refused(503, _FULL)
        if self.pipeline or len(self.headers) > MAX_FIELDS or size > MAX_HEAD:
            self._check()
        if parser.should_upgrade() and self._has_body():
            raise _Refused(400, "No other protocol is spoken here: leave out 'Upgrade'.")
        self._part, self._until = "body", None
        before = self.cycle
        self.cycle = LeanCycle(
            self,
            (parser.get_method(), version, where),
            keep_alive=version != "1.0" and parser.should_keep_alive(),
        )
        if before is None or before.response_complete:
            self._answering = self._pending = self.cycle
        else:  # pipelined: its turn comes when the one before has its response
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """A piece of a body came."""
        self._piece -= len(body)
        self._beside = -self._piece  # what it came in is no more beside a body
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.push(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._part, self._until = "nothing", None
        cycle = self.cycle
        if cycle.response_complete:  # it was answered by its head alone
            self._wait(self.timeout_keep_alive)
        else:
            cycle.whole()

    def on_response_complete(self) -> None:
        """The next pipelined request, or the beginning of an idle time."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._watch_reading()
            return
        if self.pipeline:
            cycle, _ = self.pipeline.pop()
            self._start(cycle)
        if not self.pipeline:
            self.flow.resume_reading()
        if self._part == "nothing" and self.cycle.response_complete:
            self._wait(self.timeout_keep_alive)

    # Private

    def _remember(self, data: bytes) -> None:
        """Keep a head that may come again: in one piece with its body, and with nothing beside."""
        cycle = self.cycle
        self._news += 1
        if cycle.keep_alive and not cycle.more_body and not cycle.waiting_for_100_continue:
            self._known = heads.known(data, cycle.asked, self.headers)

    def _is_known(self, data: bytes) -> bool:
        """Take a request whose head is that of one before; False where it has to be read."""
        known, last = self._known, self.cycle
        if known is None or self._part != "nothing" or not last.response_complete:
            return False
        again = known.read(data)
        if again is None:
            self._known = None
            return False
        self._until = None
        self.headers, body = again
        self.expect_100_continue = False
        cycle = LeanCycle(self, known.asked, keep_alive=True)
        self.cycle = self._answering = self._pending = cycle
        cycle.push(body)
        cycle.whole()
        self._gather("request", LeanProtocol._begin, self)
        return True

    def _check(self) -> None:
        """The head is short enough, and not one of too many."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _Refused(400, f"At most {MAX_PIPELINED} requests may wait for those before them.")
        if len(self.headers) > MAX_FIELDS:
            raise _Refused(431, f"The head of a request has at most {MAX_FIELDS} fields.")
        if self._size + self._piece > MAX_HEAD < sum(map(_length, self.headers)):
            raise _Refused(431, _TOO_LONG)

    def _has_body(self) -> bool:
        return any(name in FRAMING for name, _ in self.headers)

    def _begin(self) -> None:
        """Answer a request of which something is there: on the fast lane, where it is whole."""
        cycle, self._pending = self._pending, None
        if cycle is None:
            return  # it was begun while it waited for others
        whole = not (cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue)
        if not (whole and self._lane is not None and self._lane.take(cycle, self._turns)):
            self._turns.begin(cycle)

    def _start(self, cycle: Any) -> None:
        self._answering = cycle
        self._turns.begin(cycle)

    def _wait_for_more(self, before: Part, came: int) -> None:
        """A request is not whole yet: what is there is bounded in bytes, the rest in time."""
        if self._part == "head":
            self._size += self._piece
            if self._size > MAX_HEAD:
                self._refuse(431, _TOO_LONG)
        elif before == "body":
            self._beside += self._piece
            if self._beside > MAX_HEAD:
                self._refuse(431, _TOO_MUCH)
            self._size += came
            if self._size > EARNS:
                self._size = 0
                self._wait_on()
        else:
            self._beside = 0
        if self._part != before or self._until is None:
            self._wait_on()

    def _wait_on(self) -> None:
        """Wait for whatever the caller has to do next, if it is the caller's turn."""
        if self._part == "head":
            self._wait(self.HEAD_SECONDS)
        elif self._part == "body":
            self._wait(self.BODY_SECONDS)
        elif self.cycle is None or self.cycle.response_complete:
            self._wait(self.timeout_keep_alive)
        else:
            self._until = None

    def _wait(self, seconds: float) -> None:
        """Give the caller so many seconds from now on for what comes next."""
        until = self.loop.time() + seconds
        self._until = until
        if self._timer is None:
            self._timer = self.loop.call_at(until, self._look)
        elif self._timer.when() > until:
            self._timer.cancel()
            self._timer = self.loop.call_at(until, self._look)

    def _look(self) -> None:
        """Close a connection whose time is over; look again later otherwise."""
        self._timer = None
        if self._until is None:
            return  # nothing is waited for; whatever is next sets another timer
        if self.loop.time() < self._until:
            self._timer = self.loop.call_at(self._until, self._look)
        elif self._part == "nothing":
            self.transport.close()
            self._watch_reading()
        elif self.flow.read_paused:
            self._wait_on()  # it is not read, so it cannot come
        else:
            self._refuse(408, "The request did not come in time.")

    def _watch_reading(self) -> None:
        """Give a caller up who reads nothing of what waits."""
        if self._reading is None:
            left = self.transport.get_write_buffer_size()
            if left:
                self._reading = self.loop.call_later(self.UNREAD_SECONDS, self._look_reading, left)

    def _look_reading(self, before: int) -> None:
        self._reading = None
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch_reading()

    def _refuse(self, status: int, words: str) -> None:
        """End the connection, with an error where the caller can tell what it answers."""
        now, last = self._answering, self.cycle
        earlier = now is not None and not now.response_complete and now is not last
        begun = last is not None and last.response_started
        if not earlier and not (begun and (self._part == "body" or not last.response_complete)):
            full = status == 503
            body = wire.error_body(words, status=status, code="gateway_full" if full else None)
            head = STATUS_LINE[status] + (_AGAIN if full else b"") + _REFUSAL % len(body)
            self.transport.write(head + body)
        self._leave()
        self.transport.close()
        self._watch_reading()

    def _leave(self) -> None:
        """Tell whatever answers that nobody waits for it."""
        self._known = None
        self.pipeline.clear()
        for cycle in (self._answering, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.leave()


# Below: private.

_AGAIN = b"retry-after: 1\r\nx-should-retry: true\r\n"
_REFUSAL = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


def _where(url: bytes) -> tuple[str, bytes, bytes]:
    """The path of a target, the same as it came, and the query."""
    found = httptools.parse_url(url)
    path = found.path.decode("ascii")
    return urllib.parse.unquote(path) if "%" in path else path, found.path, found.query or b""


_where_known = lru_cache(maxsize=64)(_where)  # requests ask for a handful of them

_FULL = "The gateway has as many connections as it may have. Try again in a moment."
_TOO_LONG = f"The head of a request has at most {MAX_HEAD} bytes."
_TOO_MUCH = f"Between the pieces of a body, and behind it, come at most {MAX_HEAD} bytes."


class _Refused(Exception):
    """A status and words: raised below the parser, which passes it on as the context of its own."""


def _length(field: tuple[bytes, bytes]) -> int:
    return len(field[0]) + len(field[1])
