"""The hot paths as a bare ASGI callable: chats, completions, embeddings, responses.

Nothing here touches a file or a database. A request is read, let in, answered by whoever its name
means, and one record of it goes to the books.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import quote

import msgspec

from escalera.apps.gateway import arrival, board, failing, fields, headers, insisting, relay
from escalera.apps.gateway.admitting import Admitted
from escalera.apps.gateway.asked import Asked, Opened, Problem
from escalera.apps.gateway.asking import Asking, First, Found
from escalera.apps.gateway.board import Board, Plan
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.checkpoint import Checkpoint
from escalera.apps.gateway.cycle import BODY
from escalera.apps.gateway.failing import ErrorReply
from escalera.apps.gateway.fields import Fields
from escalera.apps.gateway.hiding import Hide
from escalera.apps.gateway.outgoing import Outgoing
from escalera.apps.gateway.regime import Bounds, Regime
from escalera.apps.gateway.remembering import Asks
from escalera.apps.gateway.watching import Receive, Watch
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

    def short(self, caller: Caller, asked: Asked, plan: Plan) -> None:
        """More is to be leased for such requests, and nobody waits for it yet."""

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
        answer = 0 if found is None else found.taken()[2]
        return answer + sum([call.cost for call in beside]) if beside else answer


class Entered(msgspec.Struct, kw_only=True):
    """A request that was let in, and goes by *regime* to its end.

    *first* is of an attempt that is made already, and *looks* is how often it was watched since.
    """

    regime: Regime
    asked: Asked
    plan: Plan
    admitted: Admitted
    first: First | None = None
    looks: int = 0

    def ask(self) -> Awaitable[Found]:
        """An answer that may be passed on, or the last problem."""
        asking = self.regime.asking
        if self.first is None:
            return asking.ask(self.asked, self.plan)
        return cast("Asking", asking).go_on(self.asked, self.plan, self.first)


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
        self.parts = parts
        self.watch = Watch()
        self._entrance = parts.entrance
        self._books = parts.books
        self._clocks = parts.clocks
        self._look = parts.look

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, *, entered: Entered | None = None
    ) -> None:
        """Answer one request; one that has *entered* already is counted by its regime."""
        began, regime = self._clocks.seconds(), self.regime
        if entered is None:
            name = self.parts.name()
            regime.requests += 1
        else:
            name, regime = entered.asked.id, entered.regime
        try:
            if entered is None:
                entered = await self._enter(regime, scope, receive, name, began)
            await self._serve(entered, scope, receive, send)
        except _Late:
            raise
        except EXPECTED as error:
            reply = failing.of_error(error)
            await _fail(send, reply, name, regime.hide)
            if entered is None:  # otherwise its record says so
                self._books.refused(scope["path"], reply.status)
        except Exception as error:
            await _fail(send, failing.of_error(error), name, regime.hide)
            if entered is None:
                self._books.refused(scope["path"], 500)
            raise
        finally:
            regime.leave()

    # Private

    async def _enter(
        self, regime: Regime, scope: Scope, receive: Receive, name: str, began: float
    ) -> Entered:
        """Read a request, and let it in. Raises `Refusal` kin."""
        entrance, bounds, names = self._entrance, regime.bounds, regime.board
        shown = arrival.read(scope["headers"], most=bounds.body, is_open=entrance.is_open)
        caller = entrance.known(shown) or await entrance.enter(shown)
        body = await arrival.body(receive, bounds.body)
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
        if bounds.traced:
            asked.trace = arrival.trace(scope["headers"])
        plan = plan_of(names, caller, read.model) or await self._looked_up(regime, caller, read)
        if regime.checkpoint is not None:
            await regime.checkpoint.enter(asked)
        if plan.trial is not None:
            plan = plan.trial.begin(asked, plan)
        admitted = entrance.admitted(caller, asked, plan)
        admitted = admitted or await entrance.admit(caller, asked, plan)
        asked.extend, asked.key = admitted.extend, admitted.key
        return Entered(regime=regime, asked=asked, plan=plan, admitted=admitted)

    async def _serve(self, entered: Entered, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that was let in, settle and record it."""
        regime, asked, admitted = entered.regime, entered.asked, entered.admitted
        present = sink = scope.get("extensions", {}).get(BODY)
        if asked.watch is not None:
            send, sink = asked.watch.listening(send), None
        bounds = regime.bounds
        ended = Ended(
            asked=asked, plan=entered.plan, key=admitted.key, status=499, code="caller_left"
        )
        out = None
        if bounds.bodies or bounds.sync:
            send = out = Outgoing(send, copies=bounds.bodies, holds=bounds.sync)
            sink = None
        waiting = self.watch.begin(receive, present, looks=entered.looks)
        try:
            await self._answer(entered, ended, send, sink)
        except asyncio.CancelledError:
            if not waiting.left:
                raise
        except Exception as error:
            _failed(ended, error)
            raise
        finally:
            self.watch.end(waiting)
            admitted.settle(asked, ended.found, ended.cost)
            ended.seconds = self._clocks.seconds() - asked.began
            try:
                await self._note(ended, bounds, out)
            except BaseException:
                if ended.found is not None:  # its connection would be held for ever
                    ended.found.exchange.close()
                raise
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

    async def _answer(
        self, entered: Entered, ended: Ended, send: Send, sink: relay.Sink | None
    ) -> None:
        asked, regime = ended.asked, entered.regime
        checkpoint = regime.checkpoint
        found = await entered.ask()
        if checkpoint is not None and isinstance(found, Opened):
            found = await _checked(checkpoint, regime.asking, asked, entered.plan, found)
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
                ended.problem = await relay.stream(
                    send, asked, found, checks, told, regime.hide, sink
                )
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


def _failed(ended: Ended, error: Exception) -> None:
    """The record says of an error what the caller is told of it, and whose it was."""
    if not isinstance(error, EXPECTED):
        ended.status, ended.code = 500, "internal_error"
        return
    reply = failing.of_error(error)
    ended.status, ended.code = reply.status, reply.code
    if reply.status < 500:
        ended.problem = Problem(deployment="", blame="caller", status=reply.status, code=reply.code)


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


async def _fail(send: Send, reply: ErrorReply, name: str, hide: Hide, deployment: str = "") -> None:
    headers = [
        (b"content-type", reply.kind),
        (b"x-escalera-request", name.encode()),
        *reply.headers,
    ]
    if deployment:
        headers.append((b"x-escalera-deployment", quote(deployment).encode()))
    await relay.whole(send, reply.status, headers, hide(reply.body))
