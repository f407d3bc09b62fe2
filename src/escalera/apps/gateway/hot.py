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

from escalera.apps.gateway import arrival, board, failing, fields, headers, insisting, relay
from escalera.apps.gateway.admitting import Admitted
from escalera.apps.gateway.asked import Asked, Opened, Problem, cost
from escalera.apps.gateway.asking import Found
from escalera.apps.gateway.board import Board, Plan, Trial
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.checkpoint import Checkpoint
from escalera.apps.gateway.failing import ErrorReply
from escalera.apps.gateway.fields import Fields
from escalera.apps.gateway.hiding import Hide
from escalera.apps.gateway.outgoing import Outgoing
from escalera.apps.gateway.regime import Bounds, Regime
from escalera.apps.gateway.remembering import Asks
from escalera.apps.gateway.watching import Receive, Watch
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import finetuned
from escalera.errors import GuardError, InputError, StoreUnavailable

Scope = MutableMapping[str, Any]
Send = relay.Send
EXPECTED = (InputError, GuardError, StoreUnavailable)
"""Errors that say what is wrong with a request; any other is a fault of ours."""


class Entrance(Protocol):
    """Lets callers in; one that `is_open` asks nobody for a key."""

    @property
    def is_open(self) -> bool: ...

    def known(self, token: bytes) -> Caller | None:
        """Who has this key, as far as it is known here. Raises `Refusal`."""

    async def enter(self, token: bytes) -> Caller:
        """Who has this key. Raises `Refusal`."""

    def named(self, key: str) -> Caller:
        """The caller whose key has this id, who left something to be done. Raises `Refusal`."""

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

    async def kept(self, ended: Ended) -> None:
        """The same; returns when its record is on disk."""

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
    request: str = ""
    answer: str = ""

    @property
    def cost(self) -> int:
        """Micro-dollars of the answer and of what was asked beside it; unknown prices are 0."""
        found, beside = self.found, self.asked.beside
        answer = 0 if found is None else cost(found.provenance.price, found.usage)
        return answer + sum([call.cost for call in beside]) if beside else answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Readings of time: monotonic, and since the epoch."""

    seconds: Callable[[], float]
    wall: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the hot paths work with; `name` gives every request an id.

    `look` is called where a request names a finetuned model that is not known, None where there are
    none.
    """

    entrance: Entrance
    books: Books
    clocks: Clocks
    name: Callable[[], str]
    look: Callable[[Regime], Awaitable[None]] | None = None


class Hot:
    """The application of the hot paths. `regime` may be replaced while it runs."""

    def __init__(self, regime: Regime, parts: Parts) -> None:
        self.regime = regime
        self._entrance = parts.entrance
        self._books = parts.books
        self._clocks = parts.clocks
        self._name = parts.name
        self._look = parts.look
        self._watch = Watch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began, name, regime = self._clocks.seconds(), self._name(), self.regime
        regime.requests += 1
        try:
            await self._serve(regime, scope, receive, send, name, began)
        except _Late:
            raise
        except EXPECTED as error:
            reply = failing.of_error(error)
            await _fail(send, reply, name, regime.hide)
            self._books.refused(scope["path"], reply.status)
        except Exception as error:
            await _fail(send, failing.of_error(error), name, regime.hide)
            raise
        finally:
            regime.leave()

    # Private

    async def _serve(
        self,
        regime: Regime,
        scope: Scope,
        receive: Receive,
        send: Send,
        name: str,
        began: float,
    ) -> None:
        entrance, bounds, names = self._entrance, regime.bounds, regime.board
        shown = arrival.read(scope, most=bounds.body, is_open=entrance.is_open)
        caller = entrance.known(shown) or await entrance.enter(shown)
        body = await _body(receive, bounds.body)
        operation = fields.PATHS[scope["path"]]
        read = fields.read(operation, body)
        asked = Asked(
            id=name,
            operation=operation,
            fields=read,
            body=body,
            began=began,
            started=self._clocks.wall(),
            deadline=began + bounds.seconds,
            capped=None if read.limit(operation) is not None else bounds.tokens,
        )
        plan = plan_of(names, caller, read.model) or await self._looked_up(regime, caller, read)
        if regime.checkpoint is not None:
            await regime.checkpoint.enter(asked)
        if plan.trial is not None:
            plan, send = _tried(plan.trial, asked, plan, send)
        admitted = entrance.admitted(caller, asked, plan)
        admitted = admitted or await entrance.admit(caller, asked, plan)
        asked.extend, asked.key = admitted.extend, admitted.key
        ended = Ended(asked=asked, plan=plan, key=admitted.key, status=499, code="caller_left")
        out = None
        if bounds.bodies or bounds.sync:
            send = out = Outgoing(send, copies=bounds.bodies, holds=bounds.sync)
        waiting = self._watch.begin(receive)
        try:
            await self._answer(regime, ended, plan, send)
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
            await self._note(ended, bounds, out)
        if ended.found is not None and not ended.code:
            if ended.found.passage is None:
                ended.found.exchange.close()
            else:
                await relay.let_go(ended.found, ended.found.passage)

    async def _looked_up(self, regime: Regime, caller: Caller, read: Fields) -> Plan:
        """The plan of a model that was published a moment ago. Raises `Refusal`."""
        plan, model = None, read.model
        if self._look is not None and model.startswith(finetuned.PREFIX):
            await self._look(regime)
            plan = plan_of(regime.board, caller, model)
        if plan is None:
            raise board.unknown(regime.board, model)
        return plan

    async def _note(self, ended: Ended, bounds: Bounds, out: Outgoing | None) -> None:
        """Hand the record of a request on; where it is waited for, its answer ends after that."""
        asked = ended.asked
        if out is not None and bounds.bodies:
            ended.request = asked.body.decode("utf-8", "replace")
            ended.answer = out.text(asked.vault, stream=asked.stream)
        if out is not None and bounds.sync:
            await self._books.kept(ended)
            await out.release()
        else:
            self._books.finished(ended)
        if asked.watch is not None:
            asked.watch.finish(ended)

    async def _answer(self, regime: Regime, ended: Ended, plan: Plan, send: Send) -> None:
        asked, checkpoint = ended.asked, regime.checkpoint
        found = await regime.asking.ask(asked, plan)
        if checkpoint is not None and isinstance(found, Opened):
            found = await _checked(checkpoint, regime.asking, asked, plan, found)
        if isinstance(found, Problem):
            reply = failing.of_problem(found, tried=len(asked.attempts))
            ended.status, ended.code, ended.problem = reply.status, reply.code, found
            await _fail(send, reply, asked.id, regime.hide, found.deployment)
            return
        ended.found, ended.status, ended.code = found, 200, "caller_left"
        asked.waited += found.first_byte
        began = self._clocks.seconds()
        try:
            told = headers.of(asked, found, now=began)
            if found.passage is None:
                await relay.whole(send, 200, told, found.body)
            else:
                checks = None if checkpoint is None else checkpoint.events(asked)
                ended.problem = await relay.stream(send, asked, found, checks, told, regime.hide)
            ended.code = "" if ended.problem is None else failing.code_of(ended.problem)
        except Exception as error:
            raise _Late(str(error)) from error
        finally:
            ended.relayed = self._clocks.seconds() - began
            if ended.code:
                found.exchange.close()


def plan_of(names: Board, caller: Caller, model: str) -> Plan | None:
    """The plan of *model*; None where there is none for this caller."""
    plan = names.plan(model)
    if plan is None or not plan.owner or finetuned.may_ask(caller.key, plan.name, plan.owner):
        return plan
    return None


# Below: private.


class _Late(Exception):
    """An error after the response had begun: nothing can be told any more."""


async def _checked(
    checkpoint: Checkpoint, asking: Asks, asked: Asked, plan: Plan, found: Opened
) -> Found:
    """A whole answer as it may go on; a stream is looked at while it goes."""
    if checkpoint.invalid is not None:
        answered = await insisting.insist(asking, asked, plan, found, checkpoint.invalid)
        if isinstance(answered, Problem):
            return answered
        found = answered
    if found.passage is None:
        try:
            found.body = await checkpoint.leave(asked, found.body)
        except GuardError as error:
            insisting.let_go(asked, found)
            return failing.of_guard(error, found.provenance.deployment)
        except BaseException:
            insisting.let_go(asked, found)
            raise
    return found


async def _body(receive: Receive, most: int) -> bytes:
    """The body of a request, read no further than the limit. Raises `Refusal`."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body") or len(body) > most:
        return await _rest(body, receive, most)
    return body


async def _rest(body: bytes, receive: Receive, most: int) -> bytes:
    """A body that comes in pieces."""
    pieces, size, more = [body], len(body), True
    while more and size <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("The body ended early.")
        piece = message.get("body", b"")
        pieces.append(piece)
        size, more = size + len(piece), message.get("more_body", False)
    if size > most:
        raise arrival.too_long(most)
    return b"".join(pieces)


async def _fail(send: Send, reply: ErrorReply, name: str, hide: Hide, deployment: str = "") -> None:
    headers = [
        (b"content-type", reply.kind),
        (b"x-escalera-request", name.encode()),
        *reply.headers,
    ]
    if deployment:
        headers.append((b"x-escalera-deployment", quote(deployment).encode()))
    await relay.whole(send, reply.status, headers, hide(reply.body))


def _tried(trial: Trial, asked: Asked, plan: Plan, send: Send) -> tuple[Plan, Send]:
    """Where a call goes whose name has a candidate, and how its answer is sent."""
    plan = trial.begin(asked, plan)
    return plan, send if asked.watch is None else asked.watch.listening(send)
