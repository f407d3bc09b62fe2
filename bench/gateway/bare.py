"""What is left of a gateway without any feature: the least that a hop costs in this interpreter.

    python -m bench.gateway.bare --port 8100 --upstream 127.0.0.1:8200

Bytes go on as they came, over connections that are kept; only where a message ends is read. No
key, no limit, no log, no price, no time limit and no error is looked at: nobody may serve with it.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

import httptools
import uvloop


class Upstream(asyncio.Protocol):
    """A connection to the upstream: what comes goes to the caller who asked."""

    def __init__(self, idle: list[Upstream]) -> None:
        self._idle = idle
        self._parser = httptools.HttpResponseParser(self)
        self.caller: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It may be asked."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        assert self.caller is not None
        self.caller.write(data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The answer is whole: the connection may be asked again."""
        self.caller = None
        self._idle.append(self)


class Caller(asyncio.Protocol):
    """A caller's connection: a request that is whole goes on."""

    def __init__(self, ask: Callable[[asyncio.Transport, bytes], None]) -> None:
        self._ask = ask
        self._parser = httptools.HttpRequestParser(self)
        self._held: list[bytes] = []
        self._whole = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        self._held.append(data)
        self._parser.feed_data(data)
        if self._whole:
            sent, self._held, self._whole = self._held, [], False
            self._ask(self.transport, sent[0] if len(sent) == 1 else b"".join(sent))

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._whole = True


class Bare:
    """Passes requests on to one upstream."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._host, self._port = host, int(port)
        self._idle: list[Upstream] = []
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, caller: asyncio.Transport, request: bytes) -> None:
        """Pass *request* on, over an idle connection where there is one."""
        if self._idle:
            found = self._idle.pop()
            found.caller = caller
            found.transport.write(request)
        else:
            task = asyncio.get_running_loop().create_task(self._open(caller, request))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def serve(self, port: int) -> None:
        """Listen on *port* of this machine, until the process is ended."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Caller(self.ask), "127.0.0.1", port, backlog=4096)
        await server.serve_forever()

    async def _open(self, caller: asyncio.Transport, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        where = self._host, self._port
        _, found = await loop.create_connection(lambda: Upstream(self._idle), *where)
        found.caller = caller
        found.transport.write(request)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="host and port")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Bare(given.upstream).serve(given.port))


if __name__ == "__main__":
    main()
