"""A load of requests for an endpoint, as a process: in a closed loop, or at a rate.

    python -m bench.gateway.load URL --connections 32 --seconds 3
    python -m bench.gateway.load URL --rate 1000 --seconds 3 --stream

In a closed loop every connection asks again when it has its answer. At a rate, requests are sent
when they are due on whatever connection is free, and times count from when they were due: a server
that falls behind is not asked less. It prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import SplitResult, urlsplit

import httptools
import uvloop

WORDS = "word "
LIMIT = 500
"""Tokens that an answer may have: what a gateway reserves money for."""


@dataclass(kw_only=True)
class Tally:
    """What came back; `first` is when the first word came, the second event of a stream."""

    seconds: float = 0.0
    failures: int = 0
    events: int = 0
    bytes: int = 0
    first: array[float] = field(default_factory=lambda: array("d"))
    whole: array[float] = field(default_factory=lambda: array("d"))

    def told(self) -> dict[str, float]:
        """Counts, rates and times in milliseconds."""
        return {
            "requests": len(self.whole),
            "failures": self.failures,
            "events": self.events,
            "bytes": self.bytes,
            "seconds": self.seconds,
            "rate": len(self.whole) / self.seconds,
            **{f"first_p{at}": 1e3 * quantile(self.first, at / 100) for at in (50, 99)},
            **{f"whole_p{at}": 1e3 * quantile(self.whole, at / 100) for at in (50, 99)},
        }


def quantile(values: array[float], at: float) -> float:
    """The value below which the share *at* lies; 0 of none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(at * len(ranked)))] if ranked else 0.0


def request(base: SplitResult, model: str, *, stream: bool, size: int, key: str) -> bytes:
    """A chat completion of about *size* bytes, as it travels."""
    asked: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": ""}]}
    asked["max_tokens"] = LIMIT
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    room = max(1, size - len(json.dumps(asked))) // len(WORDS)
    asked["messages"] = [{"role": "user", "content": WORDS * room}]
    body = json.dumps(asked).encode()
    head = (
        f"POST {base.path}/chat/completions HTTP/1.1\r\nHost: {base.netloc}\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Caller(asyncio.Protocol):
    """One connection that asks and times the answer."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._due = 0.0
        self._begun = True
        self._good = False
        self._events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, due: float) -> None:
        """Send the request; *due* is when it should have been sent."""
        self._due, self._begun, self._good, self._events = due, False, False, 0
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        tally = self._load.tally
        tally.bytes += len(data)
        if self._load.stream:
            events = data.count(b"data: ")
            tally.events += events
            self._events += events
            self._good = self._good or b"[DONE]" in data
        if not self._begun and (self._events > 1 or not self._load.stream):
            self._begun = True
            tally.first.append(time.perf_counter() - self._due)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        tally = self._load.tally
        good = self._parser.get_status_code() == 200 and (self._good or not self._load.stream)
        tally.failures += not good
        tally.whole.append(time.perf_counter() - self._due)
        self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._load.lost(self)

    def close(self) -> None:
        """Give up."""
        self._transport.abort()


class Load:
    """Callers before one endpoint, and what they got."""

    def __init__(self, base: SplitResult, sent: bytes, *, stream: bool) -> None:
        self._base = base
        self.request = sent
        self.stream = stream
        self.tally = Tally()
        self._closed_loop = False
        self._over = False
        self._idle: deque[Caller] = deque()
        self._callers: set[Caller] = set()

    async def closed(self, connections: int, seconds: float) -> None:
        """Every connection asks again at once."""
        self._closed_loop = True
        for _ in range(connections):
            await self._caller()
        began = time.perf_counter()
        for caller in list(self._callers):
            caller.ask(time.perf_counter())
        await asyncio.sleep(seconds)
        self._over = True
        self.tally.seconds = time.perf_counter() - began

    async def open(self, rate: float, seconds: float, patience: float) -> None:
        """Requests at a rate, then so long until all are answered."""
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            caller = self._idle.pop() if self._idle else await self._caller()
            caller.ask(due)
        end = time.perf_counter() + patience
        while len(self._idle) < len(self._callers) and time.perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.tally.failures += len(self._callers) - len(self._idle)
        self.tally.seconds = time.perf_counter() - began

    def free(self, caller: Caller) -> None:
        """An answer is whole."""
        if self._closed_loop:
            if not self._over:
                caller.ask(time.perf_counter())
        else:
            self._idle.append(caller)

    def lost(self, caller: Caller) -> None:
        """A connection ended: that is no failure where nothing was asked of it any more."""
        if self._over or caller not in self._callers:
            return
        self._callers.discard(caller)
        if caller in self._idle:
            self._idle.remove(caller)
        else:
            self.tally.failures += 1

    def close(self) -> None:
        """Drop the connections."""
        self._over = True
        for caller in list(self._callers):
            caller.close()

    async def _caller(self) -> Caller:
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(
            lambda: Caller(self), self._base.hostname, self._base.port
        )
        self._callers.add(caller)
        return caller


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description="A load of requests.")
    parser.add_argument("url", help="the base URL, up to /v1")
    parser.add_argument("--model", default="a")
    parser.add_argument("--key", default="k")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: closed loop")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--patience", type=float, default=10.0)
    parser.add_argument("--size", type=int, default=1140, help="bytes of a request's body")
    parser.add_argument("--stream", action="store_true")
    return parser.parse_args()


async def run(given: argparse.Namespace) -> Tally:
    """Ask, after a moment of asking that does not count."""
    base = urlsplit(given.url)
    sent = request(base, given.model, stream=given.stream, size=given.size, key=given.key)
    load = Load(base, sent, stream=given.stream)
    if given.rate:
        await load.open(given.rate, given.seconds, given.patience)
    else:
        await load.closed(given.connections, given.seconds)
    load.close()
    return load.tally


def main() -> None:
    """Print what came back."""
    given = arguments()
    gc.disable()
    print(json.dumps(uvloop.run(run(given)).told()))


if __name__ == "__main__":
    main()
