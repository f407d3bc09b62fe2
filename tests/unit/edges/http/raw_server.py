"""A server that sends exactly what a test says, and what the tests of the client share."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence
from contextlib import asynccontextmanager, closing
from urllib.parse import urlsplit

from escalera.edges.http.connection import Connection
from escalera.edges.http.target import Limits, Target
from escalera.edges.http.upstream import HTTPUpstream

Part = bytes | float | str | None
"""Bytes are sent, a number waits, None closes the connection and "reset" breaks it."""

LIMITS = Limits(connect=2.0, first_byte=0.3, idle=0.3, total=20.0, kept=2)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
    b"1\r\nh\r\n1;ext=1\r\ni\r\n0\r\nTrailer: x\r\n\r\n"
)


def arrive(connection: Connection, data: bytes) -> None:
    """Bytes come in, as a transport brings them: all at once."""
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


class Server:
    """Says a line of its script to each request; the parts of a line go out one by one."""

    def __init__(self, script: Sequence[Sequence[Part]]) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []
        self.connections = 0
        self.sent = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.script:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                if not await self._say(self.script.pop(0), writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _say(self, line: Sequence[Part], writer: asyncio.StreamWriter) -> bool:
        for part in line:
            if part is None:
                return False
            if part == "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                writer.transport.abort()
                return False
            if isinstance(part, float):
                await asyncio.sleep(part)
                continue
            writer.write(part)
            await writer.drain()
            self.sent += len(part)
        return True


@asynccontextmanager
async def talking(
    script: Sequence[Sequence[Part]], *, limits: Limits = LIMITS, tls: ssl.SSLContext | None = None
):
    """The client under test before a server with that script: a pair of both."""
    spoken = Server(script)
    server = await asyncio.start_server(spoken, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    client = HTTPUpstream(
        Target(urlsplit(f"http://127.0.0.1:{port}/v1"), fields={"X-Key": "k"}),
        provider="tiny",
        limits=limits,
    )
    try:
        yield client, spoken
    finally:
        await client.close()
        server.close()


async def whole(client: HTTPUpstream, body: bytes = b"{}") -> tuple[int, bytes]:
    """Status and body, the body piece by piece."""
    with closing(await client.send("/chat", body)) as exchange:
        pieces = []
        while piece := await exchange.read():
            pieces.append(piece)
        return exchange.status, b"".join(pieces)


async def at_once(client: HTTPUpstream, body: bytes = b"{}", limit: int = 1 << 20):
    """Status and body, the body in one."""
    with closing(await client.send("/chat", body)) as exchange:
        return exchange.status, await exchange.whole(limit)
