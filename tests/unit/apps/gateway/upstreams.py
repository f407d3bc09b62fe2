"""Upstreams that do what a test says, and the plans and requests that ask them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from typing import Any

from escalera.apps.gateway import fields
from escalera.apps.gateway.asked import Asked
from escalera.apps.gateway.asking import Asking, Patience
from escalera.apps.gateway.board import Line, Plan, Tier
from escalera.apps.gateway.targets import Passing
from escalera.core.serving.breaker import Breaker, BreakerPolicy
from escalera.core.serving.hedging import HedgeBudget, HedgePolicy
from escalera.domain.project import ModelPrice
from escalera.errors import UpstreamFault

JSON = ((b"content-type", b"application/json"),)
EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"),)
USED = {"prompt_tokens": 3, "completion_tokens": 4}
ANSWER = json.dumps(
    {"choices": [{"message": {"role": "assistant", "content": "hi"}}], "usage": USED}
).encode()
STREAM = [
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n',
    b"data: [DONE]\n\n",
]
PRICE = ModelPrice(prompt=1_000_000, completion=2_000_000)


class Exchange:
    """A response in pieces; exceptions among them are raised, events and seconds waited for."""

    def __init__(self, *pieces: Any, status: int = 200, headers: Any = JSON) -> None:
        self.status = status
        self.headers: Sequence[tuple[bytes, bytes]] = headers
        self.pieces = list(pieces)
        self.closed = 0

    async def read(self) -> bytes:
        while self.pieces:
            piece = self.pieces.pop(0)
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            elif isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                return bytes(piece)
        return b""

    async def pour(self, take: Any, glance: Any = None) -> None:
        """Nothing: each piece is waited for."""

    async def whole(self, limit: int) -> bytes:
        found = b""
        while piece := await self.read():
            found += piece
        if len(found) > limit:
            raise UpstreamFault("too long", provider="x", fault="too-large")
        return found

    def close(self) -> None:
        self.closed += 1


class Upstream:
    """Answers one request after the other with what it was given; the last again and again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes, float | None]] = []
        self.given: list[Exchange] = []

    async def send(
        self, path: str, body: bytes, *, headers: Any = (), seconds: float | None = None
    ) -> Exchange:
        self.asked.append((path, body, seconds))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = good()
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer()
        self.given.append(answer)
        return answer

    async def close(self) -> None:
        """Nothing is held."""


def good() -> Exchange:
    """A whole answer."""
    return Exchange(ANSWER)


def streamed() -> Exchange:
    """An answer as it comes."""
    return Exchange(*STREAM, headers=EVENTS)


def broken(status: int = 500, code: str | None = None, *, headers: Any = JSON) -> Exchange:
    """An error in OpenAI's shape."""
    error = {"error": {"message": "no", "type": "t", "param": None, "code": code}}
    return Exchange(json.dumps(error).encode(), status=status, headers=headers)


def away(fault: str = "connect") -> UpstreamFault:
    """What a client says of a server that does not answer."""
    return UpstreamFault("no connection", provider="x", fault=fault)


def line(name: str, upstream: Any, *, policy: BreakerPolicy | None = None) -> Line:
    """A deployment of that name."""
    target = Passing(name, upstream, model="there", price=PRICE, usage=True)
    return Line(target=target, breaker=Breaker(policy or BreakerPolicy()))


def plan(*lines: Line, after: float | None = None, most: float = 1.0) -> Plan:
    """The first line, then the others; *after* hedges."""
    hedges = None if after is None else HedgeBudget(HedgePolicy(after=after, most=most))
    return Plan(name="m", tiers=tuple(Tier(lines=(one,)) for one in lines), hedges=hedges)


def asked(
    operation: Any = "chat", *, seconds: float = 60.0, extend: Any = None, **more: Any
) -> Asked:
    """A request that was let in at 0 o'clock."""
    body = json.dumps({"model": "m", "messages": [], **more}, separators=(",", ":")).encode()
    found = Asked(
        id="r",
        operation=operation,
        fields=fields.read(operation, body),
        body=body,
        began=0.0,
        started=1_000.0,
        deadline=seconds,
    )
    if extend is not None:

        async def extended() -> bool:
            return extend()

        found.extend = extended
    return found


def asking(*, clock: Any = None, **patience: Any) -> Asking:
    """Asks with a clock that stands still, and in the order of the plan."""
    patience = {"pause": 0.001, **patience}
    return Asking(clock=clock or (lambda: 0.0), draw=lambda: 0.0, patience=Patience(**patience))


def ticking(step: float = 1.0) -> Any:
    """A clock that goes on by *step* whenever it is looked at."""
    count = itertools.count()
    return lambda: step * next(count)
