"""The hot paths as a bare ASGI callable: chats, completions, embeddings, responses.

Nothing here touches a file or a database. A request is read, let in, answered by whoever its name
means, and one record of it goes to the books.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from escalera.apps.gateway import failing, fields, relay
from escalera.apps.gateway.admitting import Admitted
from escalera.apps.gateway.asked import Asked, Opened, Problem, cost
from escalera.apps.gateway.asking import Asking
from escalera.apps.gateway.board import Board, Plan
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.failing import ErrorReply
from escalera.apps.gateway.wire import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = relay.Send
PATIENT = 0.25
"""Seconds between two looks at the requests: whoever is there at two of them is watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bytes of a request, seconds that the whole of its answer may take, and its tokens.

    `tokens` is the limit of an answer where the caller sets none, None where there is none.
    """

    body: int = 10 * 1024 * 1024
    seconds: float = 600.0
    tokens: int | None = None


class Entrance(Protocol):
    """Lets callers in."""

    def known(self, token: bytes) -> Caller | None:
        """Who has this key, as far as it is known here. Raises `Refusal`."""

    async def enter(self, token: bytes) -> Caller:
        """Who has this key. Raises `Refusal`."""

    def admitted(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted | None:
        """Reserve what one attempt may cost; may set the request's cap. Raises `Refusal`.

        None where more has to be leased first.
        """

    async def admit(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted:
        """The same after a lease. Raises `Refusal`."""

    async def open(self) -> None:
        """Get ready; called once, in the event loop."""

    async def close(self) -> None:
        """Give back what is held; called once."""


class Books(Protocol):
    """Keeps what passed."""

    def finished(self, ended: Ended) -> None:
        """A request that was let in has ended; returns at once."""

    def refused(self, path: str, status: int) -> None:
        """A request was not let in, or could not be read."""


class Ended(msgspec.Struct, kw_only=True):
    """A request that has ended, with all that is known of it."""

    asked: Asked
    plan: Plan | None
    key: str
    status: int
    code: str = ""
    found: Opened | None = None
    problem: Problem | None = None
    seconds: float = 0.0
    relayed: float = 0.0

    @property
    def cost(self) -> int:
        """Micro-dollars of the answer; 0 where there is none, or its price is unknown."""
        return 0 if self.found is None else cost(self.found.provenance.price, self.found.usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Readings of time: monotonic, and since the epoch."""

    seconds: Callable[[], float]
    wall: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the hot paths work with; `name` gives every request an id."""

    asking: Asking
    entrance: Entrance
    books: Books
    clocks: Clocks
    bounds: Bounds
    name: Callable[[], str]


class Hot:
    """The application of the hot paths. `board` may be replaced while it runs."""

    def __init__(self, board: Board, parts: Parts) -> None:
        self.board = board
        self._asking = parts.asking
        self._entrance = parts.entrance
        self._books = parts.books
        self._clocks = parts.clocks
        self._bounds = parts.bounds
        self._name = parts.name
        self._watch = Watch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began, name = self._clocks.seconds(), self._name()
        try:
            await self._serve(scope, receive, send, name, began)
        except Exception as error:
            reply = failing.of_error(error)
            await _fail(send, reply, name)
            if not isinstance(error, Refusal):
                raise
            self._books.refused(scope["path"], reply.status)

    # Private

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, name: str, began: float
    ) -> None:
        entrance, shown = self._entrance, token(scope)
        caller = entrance.known(shown) or await entrance.enter(shown)
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or len(body) > self._bounds.body:
            body = await _rest(body, receive, self._bounds.body)
        operation = fields.PATHS[scope["path"]]
        asked = Asked(
            id=name,
            operation=operation,
            fields=fields.read(operation, body),
            body=body,
            began=began,
            started=self._clocks.wall(),
            deadline=began + self._bounds.seconds,
            capped=self._bounds.tokens,
        )
        plan = self._plan(asked)
        admitted = entrance.admitted(caller, asked, plan)
        if admitted is None:
            admitted = await entrance.admit(caller, asked, plan)
        asked.extend = admitted.extend
        ended = Ended(asked=asked, plan=plan, key=admitted.key, status=499, code="caller_left")
        waiting = self._watch.begin(receive)
        try:
            await self._answer(ended, plan, send)
        except asyncio.CancelledError:
            if not waiting.left:
                raise
        except Exception:
            ended.status, ended.code = 500, "internal_error"
            raise
        finally:
            self._watch.end(waiting)
            admitted.settle(asked, ended.found, ended.cost)
            ended.seconds = self._clocks.seconds() - began
            self._books.finished(ended)

    def _plan(self, asked: Asked) -> Plan:
        plan = self.board.plan(asked.fields.model)
        if plan is None:
            raise Refusal(
                self.board.unknown(asked.fields.model),
                status=404,
                code="model_not_found",
                param="model",
            )
        return plan

    async def _answer(self, ended: Ended, plan: Plan, send: Send) -> None:
        asked = ended.asked
        found = await self._asking.ask(asked, plan)
        if isinstance(found, Problem):
            reply = failing.of_problem(found, tried=len(asked.attempts))
            ended.status, ended.code, ended.problem = reply.status, reply.code, found
            await _fail(send, reply, asked.id, found.deployment)
            return
        ended.found, ended.status, ended.code = found, 200, "caller_left"
        asked.waited += found.first_byte
        headers = self._headers(asked, found, plan)
        began = self._clocks.seconds()
        try:
            if found.passage is None:
                await relay.whole(send, 200, headers, found.body)
            else:
                ended.problem = await relay.stream(send, asked, found, found.passage, headers)
            ended.code = "" if ended.problem is None else failing.code_of(ended.problem)
        finally:
            ended.relayed = self._clocks.seconds() - began
            found.exchange.close()

    def _headers(self, asked: Asked, found: Opened, plan: Plan) -> list[tuple[bytes, bytes]]:
        """Who answers, why, and what the gateway itself took."""
        said = found.provenance
        own = self._clocks.seconds() - asked.began - asked.waited
        headers = [
            *found.headers,
            (b"x-escalera-request", asked.id.encode()),
            (b"x-escalera-deployment", said.label),
            (b"x-escalera-overhead-ms", b"%.3f" % (1000 * max(0.0, own))),
        ]
        if said.system:
            headers.append((b"x-escalera-system", said.system.encode()))
        if said.task is not None:
            headers.append((b"x-escalera-task", quote(said.task).encode()))
        if said.refusal:
            headers.append((b"x-escalera-refusal", said.refusal.encode()))
        if said.sources:
            sources = ",".join(quote(source) for source in said.sources)
            headers.append((b"x-escalera-sources", sources.encode()))
        if plan.decision:
            headers.append((b"x-escalera-decision", plan.decision.encode()))
        if asked.attempts or found.purpose != "first":
            headers.append((b"x-escalera-why", _why(asked, found)))
        return headers


class Watch:
    """Notices callers who leave while their answers are waited for, and ends the work for them.

    One look at the clock for all requests together: a timer for each would cost more than all that
    is decided about it.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[Waiting, None] = {}

    def begin(self, receive: Receive) -> Waiting:
        """Watch the caller of the present task, once the answer takes its time."""
        loop = self._loop
        if loop is None or not loop.is_running():  # asked for anew, it would cost a system call
            loop, self._timer = asyncio.get_running_loop(), None
            self._loop = loop
        if self._timer is None:
            self._timer = loop.call_later(PATIENT, self._look)
        found = Waiting(receive, asyncio.current_task(loop))
        self._waiting[found] = None
        return found

    def end(self, waiting: Waiting) -> None:
        """The answer is there."""
        del self._waiting[waiting]
        if waiting.watching is not None:
            waiting.watching.cancel()

    def _look(self) -> None:
        loop, self._timer = self._loop, None
        if loop is None or not self._waiting:
            return
        for waiting in self._waiting:
            if waiting.seen and waiting.watching is None:
                waiting.watching = loop.create_task(waiting.wait())
            waiting.seen = True
        self._timer = loop.call_later(PATIENT, self._look)


class Waiting:
    """A request that is being answered, and whether its caller has left."""

    __slots__ = ("_receive", "_task", "left", "seen", "watching")

    def __init__(self, receive: Receive, task: asyncio.Task[Any] | None) -> None:
        self._receive = receive
        self._task = task
        self.left = self.seen = False
        self.watching: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Until the caller leaves."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self._task is not None:
            self._task.cancel()


# Below: private.


def token(scope: Scope) -> bytes:
    """The bearer token of a request; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, given = value.partition(b" ")
            return bytes(given).strip() if scheme.lower() == b"bearer" else b""
    return b""


async def _rest(body: bytes, receive: Receive, most: int) -> bytes:
    """A body that came in pieces, read no further than the limit."""
    pieces, size, more = [body], len(body), True
    while more and size <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("The body ended early.")
        piece = message.get("body", b"")
        pieces.append(piece)
        size, more = size + len(piece), message.get("more_body", False)
    if size > most:
        raise Refusal(f"The body is longer than {most} bytes.", status=413, code="body_too_large")
    return b"".join(pieces)


async def _fail(send: Send, reply: ErrorReply, name: str, deployment: str = "") -> None:
    headers = [
        (b"content-type", reply.kind),
        (b"x-escalera-request", name.encode()),
        *reply.headers,
    ]
    if deployment:
        headers.append((b"x-escalera-deployment", quote(deployment).encode()))
    await relay.whole(send, reply.status, headers, reply.body)


def _why(asked: Asked, found: Opened) -> bytes:
    """Why this deployment answers: what was tried before it."""
    tried = ", ".join(f"{quote(attempt.deployment)} {attempt.fault}" for attempt in asked.attempts)
    return f"{found.purpose} after {tried}".encode() if tried else found.purpose.encode()
