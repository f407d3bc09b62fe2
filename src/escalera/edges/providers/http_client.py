"""A keep-alive client for HTTP/1.1: asyncio transports, httptools, and nothing between them.

One host, one kind of call. General-purpose clients spend more processor time on their pools and
layers than everything else that happens to a call here; their pools also slow down with the
number of connections. No redirects, no proxies, no compression, nothing from the environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult

import httptools

MAX_HEAD = 64 * 1024
"""Bytes of a response's header fields together."""
HIGH_WATER = 256 * 1024
"""Unread bytes of a body at which the server is made to wait."""


class HTTPFailure(Exception):
    """The exchange did not come to a response, or the response broke off."""


class ConnectFailed(HTTPFailure):
    """No connection: refused, unreachable, unknown host, a certificate that does not hold."""


class ConnectionBroke(HTTPFailure):
    """The server closed the connection before the response was whole."""


class ReadTimedOut(HTTPFailure):
    """The server was silent for longer than the limit."""


class ProtocolBroke(HTTPFailure):
    """What came is not HTTP/1.1 as agreed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds to connect and between two pieces of a response; idle connections that are kept."""

    connect: float
    read: float
    idle: int


class HTTPClient:
    """Posts to one host. `headers` go with every request, and nothing else but the framing."""

    def __init__(self, base: SplitResult, *, headers: Mapping[str, str], limits: Limits) -> None:
        self._host = base.hostname or ""
        self._tls = ssl.create_default_context() if base.scheme == "https" else None
        self._port = base.port or (443 if self._tls else 80)
        self._limits = limits
        fields = {"Host": base.netloc, "Accept-Encoding": "identity", **headers}
        self._fields = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._idle: deque[_Connection] = deque()

    async def post(self, path: str, body: bytes) -> Response:
        """Send *body* and return the response once its head is there; the body is still to come."""
        connection = self._reusable() or await self._connect()
        head = f"POST {path} HTTP/1.1\r\n{self._fields}Content-Length: {len(body)}\r\n\r\n"
        response = Response(connection, self)
        try:
            connection.begin(head.encode("ascii") + body)
            await connection.head(self._limits.read)
        except BaseException:
            connection.abort()
            raise
        return response

    def close(self) -> None:
        """Close the connections that are idle; those in use end with their response."""
        while self._idle:
            self._idle.pop().abort()

    @property
    def read_timeout(self) -> float:
        """Seconds between two pieces of a response."""
        return self._limits.read

    def give_back(self, connection: _Connection) -> None:
        """Keep a connection whose response is whole; close any other."""
        if connection.reusable and len(self._idle) < self._limits.idle:
            self._idle.append(connection)
        else:
            connection.abort()

    def _reusable(self) -> _Connection | None:
        """The connection used last: the others may go stale and be closed by the server."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.connect):
                _, connection = await loop.create_connection(
                    _Connection,
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
        except TimeoutError as error:
            raise ConnectFailed(f"no connection within {self._limits.connect:g} s") from error
        except (OSError, ssl.SSLError, UnicodeError) as error:
            raise ConnectFailed(str(error) or type(error).__name__) from error
        return connection


class Response:
    """A response whose head has come. `close` it in any case: it gives the connection back."""

    def __init__(self, connection: _Connection, client: HTTPClient) -> None:
        self._connection = connection
        self._client = client

    @property
    def status(self) -> int:
        """The status code, 200 to 599."""
        return self._connection.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields by lower-case name; of repeated ones the last."""
        return self._connection.headers

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes, never empty pieces. Raises `HTTPFailure` where it breaks off."""
        while piece := await self._connection.piece(self._client.read_timeout):
            yield piece

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, and close it otherwise."""
        self._client.give_back(self._connection)


class _Connection(asyncio.Protocol):
    """One connection: a request, its response, then perhaps the next."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._lost = False
        self._busy = False
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._head_size = 0
        self._has_head = False
        self._whole = False
        self._keep_alive = False
        self._failure: HTTPFailure | None = None
        self._pieces: deque[bytes] = deque()
        self._unread = 0
        self._paused = False

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: the last response is whole, the server stays."""
        return not self._lost and self._whole and self._keep_alive and not self._pieces

    def begin(self, request: bytes) -> None:
        """Send a request."""
        self._reset()
        self._busy = True
        self._transport.write(request)

    async def head(self, timeout: float) -> None:  # noqa: ASYNC109  a limit between two pieces
        """Wait for the head of the response."""
        while not self._has_head:
            await self._more(timeout)

    async def piece(self, timeout: float) -> bytes:  # noqa: ASYNC109  a limit between two pieces
        """The next piece of the body; empty at its end."""
        while not self._pieces:
            if self._whole:
                return b""
            await self._more(timeout)
        piece = self._pieces.popleft()
        self._unread -= len(piece)
        if self._paused and self._unread < HIGH_WATER // 2:
            self._paused = False
            self._transport.resume_reading()
        return piece

    def abort(self) -> None:
        """Close at once; whatever was not sent or read is dropped."""
        self._busy = False
        if not self._lost:
            self._transport.abort()

    async def _more(self, timeout: float) -> None:  # noqa: ASYNC109
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        # A plain timer: `asyncio.timeout` costs as much as the rest of the wait.
        timer = self._loop.call_later(timeout, self._silent, timeout)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _silent(self, timeout: float) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ReadTimedOut(f"silent for {timeout:g} s"))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: HTTPFailure) -> None:
        self._failure = self._failure or failure
        self._keep_alive = False
        self._wake()
        self.abort()

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            self.abort()  # nothing was asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(ProtocolBroke("the server changes the protocol"))
        except httptools.HttpParserError as error:
            self._fail(ProtocolBroke(f"not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._busy and not self._whole and self._failure is None:
            if self._has_head and self._ends_with_connection:
                self._whole = True
            else:
                self._failure = ConnectionBroke(str(exc) if exc else "closed by the server")
        self._wake()

    @property
    def _ends_with_connection(self) -> bool:
        return not {"content-length", "transfer-encoding"} & self.headers.keys()

    # What the parser says

    def on_message_begin(self) -> None:
        if not self._busy:
            self._fail(ProtocolBroke("more than one response to a request"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._busy:
            return
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            self._fail(ProtocolBroke(f"the head of the response is longer than {MAX_HEAD} bytes"))
            return
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if not self._busy:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers.clear()  # an interim response: the real one follows
            return
        self._has_head = True
        self._wake()

    def on_body(self, body: bytes) -> None:
        if not self._busy:
            return
        self._pieces.append(body)
        self._unread += len(body)
        if not self._paused and self._unread > HIGH_WATER:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if not self._busy or self.status < 200:
            return
        self._whole = True
        self._busy = False
        self._keep_alive = self._parser.should_keep_alive()
        self._wake()
