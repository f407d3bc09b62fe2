"""Answers of a `Provider` in the form of an upstream's response: all are relayed alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias

from escalera.apps.gateway.forms import Form
from escalera.domain.message import Piece, Reply
from escalera.engine.serve import Answering
from escalera.errors import EscaleraError, ProviderError, UpstreamFault
from escalera.ports.serving import Glance

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

    async def pour(self, take: Callable[[bytes], bool], glance: Glance | None = None) -> None:
        """Give nothing: each piece has to be waited for."""

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
    answering: Answering, form: Form, *, n: int, stream: bool, seconds: float
) -> Spoken:
    """The response with *n* answers once its first piece is there, and whole within *seconds*.

    Raises `ProviderError`.
    """
    until = asyncio.get_running_loop().time() + seconds
    try:
        async with asyncio.timeout_at(until):
            if stream:
                return await _streamed(answering, form, n, until)
            return Spoken(_once(form.whole(await _answers(answering, n))), JSON)
    except TimeoutError as error:
        raise late(answering.model) from error


def late(model: str) -> UpstreamFault:
    """What it is called that an answer is not whole in the time that it had."""
    problem = "the time for the whole call ended before the answer did"
    return UpstreamFault(problem, provider=model, fault="total-timeout")


def given(reply: Reply, form: Form, *, stream: bool) -> Spoken:
    """A response with an answer that is there already."""
    if not stream:
        return Spoken(_once(form.whole([reply])), JSON)

    async def events() -> AsyncGenerator[bytes]:
        yield form.opening(0)
        yield form.piece(0, reply.text, reply.logprobs)
        yield form.ending(0, reply) + form.closing([reply])

    return Spoken(events(), EVENTS)


# Below: private.

_CLOSING: set[asyncio.Task[None]] = set()
"""Kept here until they are done: the loop does not keep them."""

_Numbered: TypeAlias = tuple[int, str | Piece | Reply]
"""What comes of one choice, with its number."""


async def _once(body: bytes) -> AsyncGenerator[bytes]:
    yield body


async def _answers(answering: Answering, n: int) -> list[Reply]:
    """All answers. Where one cannot be had, the others are left, and its error is raised."""
    if n == 1:
        return [await _answer(answering)]
    asked = [asyncio.ensure_future(_answer(answering.nth(choice))) for choice in range(n)]
    try:
        return await asyncio.gather(*asked)
    finally:
        for one in asked:
            one.cancel()


async def _answer(answering: Answering) -> Reply:
    (reply,) = await answering.provider.answer([answering.request])
    if isinstance(reply, ProviderError):
        raise reply
    return replace(reply, text=answering.answer(reply.text))


async def _streamed(answering: Answering, form: Form, n: int, until: float) -> Spoken:
    pieces = _one(answering) if n == 1 else _several(answering, n)
    first = await anext(pieces)
    return Spoken(_events(first, pieces, form, answering.model, n=n, until=until), EVENTS)


async def _one(answering: Answering) -> AsyncGenerator[_Numbered]:
    async with aclosing(answering.stream()) as pieces:
        async for item in pieces:
            yield 0, item


async def _several(answering: Answering, n: int) -> AsyncGenerator[_Numbered]:
    """What comes of *n* streams at once, in the order in which it comes."""
    came: asyncio.Queue[_Numbered | asyncio.Task[None]] = asyncio.Queue()

    async def follow(choice: int) -> None:
        async with aclosing(answering.nth(choice).stream()) as pieces:
            async for item in pieces:
                came.put_nowait((choice, item))

    follows = [asyncio.create_task(follow(choice)) for choice in range(n)]
    for task in follows:
        task.add_done_callback(came.put_nowait)
    left = n
    try:
        while left:
            item = await came.get()
            if isinstance(item, asyncio.Task):
                item.result()  # raises what ended it
                left -= 1
            else:
                yield item
    finally:
        for task in follows:
            task.cancel()
        await asyncio.gather(*follows, return_exceptions=True)


async def _events(
    item: _Numbered,
    pieces: AsyncGenerator[_Numbered],
    form: Form,
    model: str,
    *,
    n: int,
    until: float,
) -> AsyncGenerator[bytes]:
    """The events of a stream; the usage comes in any case, for the gateway's own books."""
    replies: dict[int, Reply] = {}
    told = [0] * n
    try:
        if opening := b"".join(map(form.opening, range(n))):
            yield opening
        while True:
            index, said = item
            if isinstance(said, Reply):
                replies[index] = said
                rest = (said.logprobs or ())[told[index] :]
                ending = form.piece(index, "", rest) if rest else b""
                ending += form.ending(index, said)
                if len(replies) == n:
                    yield ending + form.closing([replies[choice] for choice in range(n)])
                    return
                yield ending
            elif isinstance(said, Piece):
                told[index] += len(said.tokens)
                yield form.piece(index, said.text, said.tokens)
            else:
                yield form.piece(index, said, None)
            async with asyncio.timeout_at(until):
                item = await anext(pieces)
    except EscaleraError as error:
        raise UpstreamFault(str(error), provider=model, fault="cut") from error
    except TimeoutError as error:
        raise late(model) from error
    finally:
        await pieces.aclose()
