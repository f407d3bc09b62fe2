"""An answer of a `Provider` in the form of an upstream's response: all are relayed alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from escalera.apps.gateway import wire
from escalera.domain.message import Reply
from escalera.engine.serve import Answering
from escalera.errors import EscaleraError, ProviderError, UpstreamFault

JSON = ((b"content-type", b"application/json"),)
EVENTS = ((b"content-type", b"text/event-stream"),)


class Spoken:
    """A response that is made here; its status is always 200."""

    status = 200

    def __init__(
        self, pieces: AsyncGenerator[bytes], headers: tuple[tuple[bytes, bytes], ...]
    ) -> None:
        self.headers = headers
        self._pieces = pieces

    async def read(self) -> bytes:
        """The next bytes, empty at the end."""
        return await anext(self._pieces, b"")

    async def whole(self, limit: int) -> bytes:
        """All the bytes that are left; *limit* is of no use for what was bounded in tokens."""
        del limit
        return b"".join([piece async for piece in self._pieces])

    def close(self) -> None:
        """Leave the model alone; what it still does for this answer is cut off."""
        closing = asyncio.get_running_loop().create_task(self._pieces.aclose())
        _CLOSING.add(closing)
        closing.add_done_callback(_CLOSING.discard)


async def begin(
    answering: Answering, heading: wire.Heading, *, stream: bool, seconds: float
) -> Spoken:
    """The response once its first piece is there, and whole within *seconds*.

    Raises `ProviderError`.
    """
    until = asyncio.get_running_loop().time() + seconds
    try:
        async with asyncio.timeout_at(until):
            if stream:
                return await _streamed(answering, heading, until)
            return await _whole(answering, heading)
    except TimeoutError as error:
        raise late(answering.model) from error


def late(model: str) -> UpstreamFault:
    """What it is called that an answer is not whole in the time that it had."""
    problem = "the time for the whole call ended before the answer did"
    return UpstreamFault(problem, provider=model, fault="total-timeout")


def given(reply: Reply, heading: wire.Heading, *, stream: bool) -> Spoken:
    """A response with an answer that is there already."""
    if not stream:
        return Spoken(_once(wire.completion(reply, heading)), JSON)

    async def events() -> AsyncGenerator[bytes]:
        yield wire.first_chunk(heading, usage=False)
        yield wire.text_chunk(reply.text, heading, usage=False)
        yield wire.last_chunks(reply, heading, usage=True)

    return Spoken(events(), EVENTS)


# Below: private.

_CLOSING: set[asyncio.Task[None]] = set()
"""Kept here until they are done: the loop does not keep them."""


async def _once(body: bytes) -> AsyncGenerator[bytes]:
    yield body


async def _whole(answering: Answering, heading: wire.Heading) -> Spoken:
    (reply,) = await answering.provider.answer([answering.request])
    if isinstance(reply, ProviderError):
        raise reply
    body = wire.completion(replace(reply, text=answering.answer(reply.text)), heading)
    return Spoken(_once(body), JSON)


async def _streamed(answering: Answering, heading: wire.Heading, until: float) -> Spoken:
    pieces = aiter(answering.stream())
    first = await anext(pieces)
    return Spoken(_events(first, pieces, heading, answering, until=until), EVENTS)


async def _events(
    item: str | Reply,
    pieces: AsyncIterator[str | Reply],
    heading: wire.Heading,
    answering: Answering,
    *,
    until: float,
) -> AsyncGenerator[bytes]:
    """The events of a stream; the usage comes in any case, for the gateway's own books."""
    try:
        yield wire.first_chunk(heading, usage=False)
        while isinstance(item, str):
            yield wire.text_chunk(item, heading, usage=False)
            async with asyncio.timeout_at(until):
                item = await anext(pieces)
        yield wire.last_chunks(item, heading, usage=True)
    except EscaleraError as error:
        raise UpstreamFault(str(error), provider=answering.model, fault="cut") from error
    except TimeoutError as error:
        raise late(answering.model) from error
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
