"""The keep-alive client against sockets that send exactly what a test says."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from escalera.edges.providers.http_client import (
    HIGH_WATER,
    ConnectFailed,
    ConnectionBroke,
    HTTPClient,
    Limits,
    ProtocolBroke,
    ReadTimedOut,
)

pytestmark = pytest.mark.network

LIMITS = Limits(connect=2.0, read=0.3, idle=2)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
    b"1\r\nh\r\n1;ext=1\r\ni\r\n0\r\nTrailer: x\r\n\r\n"
)


class Server:
    """Says a line of its script to each request; the parts of a line go out one by one.

    None in a line closes the connection, a number waits.
    """

    def __init__(self, script: Sequence[Sequence[bytes | float | None]]) -> None:
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

    async def _say(
        self, line: Sequence[bytes | float | None], writer: asyncio.StreamWriter
    ) -> bool:
        for part in line:
            if part is None:
                return False
            if isinstance(part, float):
                await asyncio.sleep(part)
                continue
            writer.write(part)
            await writer.drain()
            self.sent += len(part)
        return True


def using(
    script: Sequence[Sequence[bytes | float | None]],
    work: Callable[[HTTPClient, Server], Awaitable[Any]],
) -> Any:
    async def run() -> Any:
        talking = Server(script)
        server = await asyncio.start_server(talking, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        base = urlsplit(f"http://127.0.0.1:{port}/v1")
        client = HTTPClient(base, headers={"X-Key": "k"}, limits=LIMITS)
        try:
            return await work(client, talking)
        finally:
            client.close()
            server.close()

    with asyncio.Runner(loop_factory=LOOPS[-1]) as runner:
        return runner.run(run())


LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = []


@pytest.fixture(autouse=True, params=["asyncio", "uvloop"])
def _loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """A climb runs on asyncio's own loop, `serve` on uvloop where there is one."""
    LOOPS.append(pytest.importorskip(request.param).new_event_loop)
    yield
    LOOPS.pop()


async def whole(client: HTTPClient, body: bytes = b"{}") -> tuple[int, bytes]:
    async with aclosing(await client.post("/v1/chat", body)) as response:
        return response.status, b"".join([piece async for piece in response.pieces()])


def test_a_request_as_it_travels() -> None:
    """Path, host, the given headers, the length, the body, and nothing else."""

    async def work(client: HTTPClient, server: Server) -> None:
        assert await whole(client, b'{"a":1}') == (200, b"hi")
        (request,) = server.requests
        head, body = request.split(b"\r\n\r\n")
        first, *fields = head.split(b"\r\n")
        assert first == b"POST /v1/chat HTTP/1.1"
        assert {field.split(b":")[0] for field in fields} == {
            b"Host", b"X-Key", b"Accept-Encoding", b"Content-Length",
        }  # fmt: skip
        assert body == b'{"a":1}'

    using([[OK]], work)


@pytest.mark.parametrize(
    "line",
    [
        [OK],
        [OK[n : n + 1] for n in range(len(OK))],
        [CHUNKED],
        [CHUNKED[:90], CHUNKED[90:]],
        [b"HTTP/1.1 100 Continue\r\n\r\n", OK],
        [b"HTTP/1.1 200 OK\r\n\r\nhi", None],
        [b"HTTP/1.0 200 OK\r\n\r\nh", 0.05, b"i", None],
    ],
)
def test_every_framing_gives_the_same_body(line: Sequence[bytes | float | None]) -> None:
    """By length, in chunks, until the connection ends, after an interim response."""
    assert using([line], lambda client, _: whole(client)) == (200, b"hi")


def test_connections_are_used_again() -> None:
    """Calls one after the other need one connection; calls at a time need as many."""

    async def work(client: HTTPClient, server: Server) -> None:
        for _ in range(3):
            await whole(client)
        assert server.connections == 1
        await asyncio.gather(whole(client), whole(client), whole(client))
        assert server.connections == 3
        assert len(client._idle) == LIMITS.idle

    using([[OK]] * 3 + [[0.02, OK]] * 3, work)


@pytest.mark.parametrize(
    "first",
    [
        [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        [OK, None],
        [OK + OK],
        [OK + b"garbage"],
    ],
)
def test_a_connection_that_cannot_be_trusted_is_not_used_again(
    first: Sequence[bytes | float | None],
) -> None:
    """Closed by either side, or with bytes that nobody asked for."""

    async def work(client: HTTPClient, server: Server) -> None:
        assert await whole(client) == (200, b"hi")
        await asyncio.sleep(0.05)
        assert await whole(client) == (200, b"hi")
        assert server.connections == 2

    using([first, [OK]], work)


def test_a_response_that_was_not_read_to_its_end_closes_its_connection() -> None:
    """What is left of it must not reach the next call."""

    async def work(client: HTTPClient, server: Server) -> None:
        async with aclosing(await client.post("/", b"")) as response:
            assert response.status == 200
        assert await whole(client) == (200, b"hi")
        assert server.connections == 2

    using([[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nh"], [OK]], work)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ([None], ConnectionBroke),
        ([OK[:-1], None], ConnectionBroke),
        ([CHUNKED[:-8], None], ConnectionBroke),
        ([OK[:20], 2.0], ReadTimedOut),
        ([OK[:-1], 2.0], ReadTimedOut),
        ([b"SSH-2.0-x\r\n"], ProtocolBroke),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi"], ProtocolBroke),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"], ProtocolBroke),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
         ProtocolBroke),
    ],
)  # fmt: skip
def test_a_response_that_breaks_off_or_is_none(
    line: Sequence[bytes | float | None], kind: type[Exception]
) -> None:
    """Never a shorter body, never a hang; the connection is gone."""

    async def work(client: HTTPClient, _: Server) -> None:
        with pytest.raises(kind):
            await whole(client)
        assert not client._idle

    using([line], work)


def test_a_reader_that_stalls_makes_the_server_wait() -> None:
    """A body of 64 MB does not pile up in memory while nobody reads it; later it is all there."""
    size = 64 * 1024 * 1024
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    block = b"x" * (1024 * 1024)

    async def work(client: HTTPClient, server: Server) -> None:
        async with aclosing(await client.post("/", b"")) as response:
            await asyncio.sleep(0.2)
            assert response._connection._unread <= HIGH_WATER + 512 * 1024
            assert server.sent < size // 2
            read = 0
            async for piece in response.pieces():
                read += len(piece)
        assert read == size

    using([[head, *[block] * 64]], work)


def test_nobody_there() -> None:
    """A refused connection and an unknown host are told with their cause."""

    async def work(address: str) -> None:
        with pytest.raises(ConnectFailed):
            await whole(HTTPClient(urlsplit(address), headers={}, limits=LIMITS))

    for address in ("http://127.0.0.1:9", "http://no-such-host.invalid"):
        asyncio.run(work(address))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost with its key in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("trusted", "host"), [("cert.pem", "localhost"), (None, "localhost"), ("cert.pem", "127.0.0.1")]
)
def test_tls(
    certificate: Path, trusted: str | None, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate must be known and name the host; otherwise nothing is sent."""
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / trusted))

    async def run() -> None:
        talking = Server([[OK], [OK]])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        server = await asyncio.start_server(talking, "127.0.0.1", 0, ssl=context)
        base = urlsplit(f"https://{host}:{server.sockets[0].getsockname()[1]}")
        client = HTTPClient(base, headers={}, limits=LIMITS)
        if trusted and host == "localhost":
            assert await whole(client) == (200, b"hi")
            assert await whole(client) == (200, b"hi")
            assert talking.connections == 1
        else:
            with pytest.raises(ConnectFailed, match="certificate"):
                await whole(client)
            assert talking.requests == []
        client.close()
        server.close()

    asyncio.run(run())
