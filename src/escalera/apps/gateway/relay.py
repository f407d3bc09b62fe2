"""Passing an answer on: a whole one at once, a stream event by event.

A stream that fails after it has begun ends with an error event; a finish is never invented.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol, cast

from escalera.apps.gateway import answers, failing
from escalera.apps.gateway.asked import Asked, Opened, Problem
from escalera.apps.gateway.checkpoint import CheckedEvents
from escalera.apps.gateway.hiding import Hide
from escalera.apps.gateway.stream import Passage
from escalera.domain.traffic import Fault
from escalera.errors import GuardError, UpstreamFault

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
END_SECONDS = 1.0
"""For the end of a response whose answer is whole."""
NO_STORE = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))


class Sink(Protocol):
    """Where pieces of a body go at once; False where one cannot."""

    def write(self, body: bytes) -> bool:
        """Send a piece."""

    def write_chunk(self, chunk: bytes) -> bool:
        """Send a piece that is framed as a chunk already."""


async def whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A response that is all there."""
    length = (b"content-length", b"%d" % len(body))
    await send(_start(status, [*headers, length]))
    await send({"type": "http.response.body", "body": body})


async def stream(  # noqa: PLR0913  an answer, and what is done with it
    send: Send,
    asked: Asked,
    found: Opened,
    checks: CheckedEvents | None,
    headers: Headers,
    hide: Hide,
    sink: Sink | None = None,
) -> Problem | None:
    """The events of *found* as they come; what went wrong within it, or None.

    With *checks* they are looked at before they go on. *sink* takes events at once. What a stream
    took is known only once it is whole: until then a usage in it is one of many.
    """
    passage = found.passage
    assert passage is not None  # noqa: S101  a whole answer is no stream
    await send(_start(200, [*headers, *NO_STORE]))
    try:
        await _more(send, _checked(checks, found.body))
        flow = None if sink is None else _Flow(passage, checks, sink)
        problem = await _relayed(send, found, passage, checks, flow)
        if checks is not None and problem is None:
            await _more(send, await checks.finish())
            checks.raise_blocked()
    except GuardError as error:
        problem = failing.of_guard(error, found.provenance.deployment)
    finally:
        found.usage = passage.usage if passage.whole else None
        if checks is not None:
            checks.note()
    if problem is not None:
        await _more(send, hide(failing.event(asked.operation, problem)))
    await send({"type": "http.response.body", "body": b""})
    return problem


async def let_go(found: Opened, passage: Passage) -> None:
    """Give the exchange of a stream back. Where only its end has not come yet, that is waited for
    a moment, so that its connection is kept.
    """
    try:
        if passage.ended and not passage.fault:
            async with asyncio.timeout(END_SECONDS):
                while await found.exchange.read():
                    pass
    except (UpstreamFault, TimeoutError):
        pass
    finally:
        found.exchange.close()


# Below: private.


class _Flow:
    """Events that go on from where they come in.

    `left` is what could not be sent at once, and `failed` why what came cannot go on.
    """

    __slots__ = ("_checks", "_passage", "_sink", "failed", "left")

    def __init__(self, passage: Passage, checks: CheckedEvents | None, sink: Sink) -> None:
        self._passage = passage
        self._checks = checks
        self._sink = sink
        self.left = b""
        self.failed: GuardError | None = None

    @property
    def sees_chunks(self) -> bool:
        """Whether chunks may pass as they travel: nobody looks into their text."""
        return self._checks is None

    def glance(self, chunk: bytes, begins: int) -> bool:
        """Send a chunk on as it travels, if there is nothing to be noted of its event."""
        is_more = self._passage.is_more(chunk, begins, len(chunk) - 2)
        return is_more and self._sink.write_chunk(chunk)

    def take(self, piece: bytes) -> bool:
        """Send what came on; False where something is to be waited for, or nothing follows."""
        passage, checks = self._passage, self._checks
        events = passage.push(piece)
        if checks is not None and events:
            try:
                events = checks.push(events)
            except GuardError as error:
                self.failed = error
                return False
        if events and not self._sink.write(events):
            self.left = events
            return False
        if passage.ended or passage.fault:
            return False
        return checks is None or not checks.is_blocked


async def _flowed(send: Send, found: Opened, flow: _Flow | None) -> None:
    """Let events go on by themselves as long as they can."""
    if flow is not None:
        await found.exchange.pour(flow.take, flow.glance if flow.sees_chunks else None)
        left, flow.left = flow.left, b""
        await _more(send, left)
        if flow.failed is not None:
            raise flow.failed


async def _relayed(
    send: Send,
    found: Opened,
    passage: Passage,
    checks: CheckedEvents | None,
    flow: _Flow | None,
) -> Problem | None:
    """The events behind the opening, until the stream ends or fails. Raises `GuardBlocked`."""
    read, push = found.exchange.read, passage.push
    fault: Fault = ""
    said = ""
    try:
        while not passage.ended:
            await _flowed(send, found, flow)
            if checks is not None:
                checks.raise_blocked()
            fault = passage.fault
            if fault or passage.ended:
                break
            piece = await read()
            events = push(piece) if piece else b""
            if events:
                await _more(send, events if checks is None else _checked(checks, events))
                if checks is not None:
                    checks.raise_blocked()
            fault = passage.fault or ("" if piece else passage.close())
            if fault or not piece:
                break
    except UpstreamFault as error:
        fault, said = cast("Fault", error.fault), error.problem
    return _problem(found, passage, fault, said)


def _checked(checks: CheckedEvents | None, events: bytes) -> bytes:
    return events if checks is None else checks.push(events)


def _start(status: int, headers: Headers) -> dict[str, Any]:
    """The head of a response, which may wait for the body that follows at once."""
    return {"type": "http.response.start", "status": status, "headers": headers, "held": True}


async def _more(send: Send, body: bytes) -> None:
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})


def _problem(found: Opened, passage: Passage, fault: Fault, said: str) -> Problem | None:
    """What is wrong with a stream that is over; a connection lost after its end is nothing."""
    if not fault or (passage.whole and fault not in {"error-event", "malformed"}):
        return None
    told = answers.failure(passage.error)
    return Problem(
        deployment=found.provenance.deployment,
        blame="server",
        fault=fault,
        status=200,
        code=told.code,
        message=told.message or said,
    )
