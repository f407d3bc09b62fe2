"""What the gateway's own client takes of a request, beside a protocol that does nothing.

    python -m bench.gateway.client_cost

Both send the same bytes to the mock upstream and wait for the same answer; the floor only counts
bytes. The difference is the pool, the parser, the limits of time and the faults.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvloop
from bench.gateway.load import request
from bench.gateway.processes import MockUpstream

from escalera.edges.http.target import Target
from escalera.edges.http.upstream import HTTPUpstream

REQUESTS = 40_000
FIELDS = {"Content-Type": "application/json", "Authorization": "Bearer k"}
Asking = Callable[[], Awaitable[object]]


class Floor(asyncio.Protocol):
    """Writes and counts."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self._left = 0
        self.size = 0
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        self.size += len(data)
        if self._left <= 0 and self._done is not None:
            self._done.set_result(None)
            self._done = None

    def close(self) -> None:
        """Give up."""
        self._transport.abort()

    def ask(self, size: int) -> asyncio.Future[None]:
        """Send, and be done when so many bytes came."""
        self._done = asyncio.get_running_loop().create_future()
        self._left = size
        self._transport.write(self._sent)
        return self._done


@asynccontextmanager
async def asking(
    kind: str, url: str, sent: bytes, connections: int
) -> AsyncGenerator[list[Asking]]:
    """What each of the callers does for a request."""
    base = urlsplit(url)
    if kind == "client":
        body = sent.partition(b"\r\n\r\n")[2]
        upstream = HTTPUpstream(Target(base, fields=FIELDS), provider="mock")

        async def ask() -> None:
            with closing(await upstream.send("/chat/completions", body)) as exchange:
                await exchange.whole(1 << 20)

        yield [ask] * connections
        await upstream.close()
        return
    loop = asyncio.get_running_loop()
    made: list[Floor] = []
    for _ in range(connections):
        _, floor = await loop.create_connection(lambda: Floor(sent), base.hostname, base.port)
        made.append(floor)
    made[0].ask(1 << 30)
    await asyncio.sleep(0.2)
    size = made[0].size
    yield [partial(floor.ask, size) for floor in made]
    for floor in made:
        floor.close()


async def cost(kind: str, url: str, connections: int) -> tuple[float, float]:
    """Microseconds of processor time for a request, and requests a second."""
    sent = request(urlsplit(url), "m", stream=False, size=1140, key="k")
    share = REQUESTS // connections

    async def work(ask: Asking, count: int) -> None:
        for _ in range(count):
            await ask()

    async with asking(kind, url, sent, connections) as callers:
        await asyncio.gather(*(work(ask, 20) for ask in callers))
        used, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(work(ask, share) for ask in callers))
        spent = time.perf_counter() - began
    return 1e6 * (time.process_time() - used) / REQUESTS, REQUESTS / spent


def main() -> None:
    """Three rounds in turns; the least of each, since others on the machine only add."""
    with MockUpstream("A", core=1) as mock:
        for connections in (1, 32, 128):
            found = {
                kind: min(uvloop.run(cost(kind, mock.url, connections)) for _ in range(3))
                for kind in ("client", "floor")
            }
            told = ", ".join(
                f"{kind} {micros:.1f} us ({rate:,.0f}/s)" for kind, (micros, rate) in found.items()
            )
            print(f"{connections} connections: {told}")


if __name__ == "__main__":
    main()
