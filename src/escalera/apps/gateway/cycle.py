"""A request and its response, as uvicorn's protocol hands them to an application.

The head of a response and the beginning of its body go out in one write, and a request that is
whole is handed over without an event. On the loopback and in a data centre this is a third of what
a request costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

Message = MutableMapping[str, Any]
Asked = tuple[bytes, str, tuple[str, bytes, bytes]]
"""Method, version of HTTP, and the target: path, path as it came, query."""
Fields = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values, of a head; nobody changes them."""
BODY = "escalera.body"
"""The extension of a scope by which pieces of a body are sent at once, by `write` and
`write_chunk`, and which tells `on_leaving`.
"""
NO_BODY = frozenset({204, 304})
FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding"})
"""Headers that say how a response is framed; an application gives names in lower case."""


class Ride(Protocol):
    """Answers a request without a task as long as nothing has to be waited for."""

    def leave(self) -> None:
        """Go on in a task."""


class LeanCycle(RequestResponseCycle):
    """One request and its response."""

    response_started = _told = False
    more_body = True
    chunked_encoding: bool | None = None
    expected_content_length = 0
    body: bytes | bytearray = b""  # type: ignore[assignment]  # uvicorn's is always a bytearray
    ride: Ride | None = None
    _held = b""
    _left: Callable[[], None] | None = None
    _waiter: asyncio.Future[None] | None = None

    def __init__(self, protocol: HttpToolsProtocol, asked: Asked, *, keep_alive: bool) -> None:
        # That of uvicorn takes ten arguments and makes an event: a fifth of what a cycle costs.
        self.asked = asked
        self.method, self._version, self._where = asked
        self.headers = protocol.headers
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.waiting_for_100_continue = protocol.expect_100_continue and self._version != "1.0"
        self.keep_alive = keep_alive
        self.disconnected = self.response_complete = False
        self._protocol = protocol

    @property
    def path(self) -> str:
        """What is asked for."""
        return self._where[0]

    @cached_property
    def scope(self) -> Any:  # type: ignore[override]
        """The request's head, as ASGI has it."""
        protocol = self._protocol
        path, raw, query = self._where
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": self._version,
            "server": protocol.server,
            "client": protocol.client,
            "scheme": protocol.scheme,
            "root_path": "",
            "method": self.method.decode("ascii"),
            "path": path,
            "raw_path": raw,
            "query_string": query,
            "headers": self.headers,
            "extensions": {BODY: self} if self.method == b"POST" else {},
            "state": protocol.app_state.copy(),
        }

    @property
    def logger(self) -> Any:  # type: ignore[override]
        """Where uvicorn tells of errors."""
        return self._protocol.logger

    @property
    def message_event(self) -> LeanCycle:  # type: ignore[override]
        """What uvicorn tells that there is something to receive."""
        return self

    def set(self) -> None:
        """Wake whoever waits for something to receive."""
        self._told = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def on_leaving(self, left: Callable[[], None] | None) -> None:
        """Call *left* once, when the caller leaves or where it has left; None takes it back."""
        if left is not None and self.disconnected:
            left()
            return
        self._left = left
        if left is not None and not self._protocol.pipeline:
            self.flow.resume_reading()  # who is not read cannot be seen to leave

    def leave(self) -> None:
        """The caller has left: whatever answers is told."""
        self.disconnected = True
        self.set()
        left, self._left = self._left, None
        if left is not None:
            left()
        if self.ride is not None:
            self.ride.leave()

    def whole(self) -> None:
        """All of the body is there."""
        self.more_body = False
        self._told = True
        if self._waiter is not None:
            self.set()

    def push(self, body: bytes) -> None:
        """A piece of the body came."""
        if not self.body:
            self.body = body
        else:  # bytes would be copied with each of many small pieces
            self.body = bytearray(self.body) if isinstance(self.body, bytes) else self.body
            self.body += body
        if len(self.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.set()

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """What the application says, in its order."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_started:
            self._send_body(message)
        else:
            self._send_head(message)

    def answer(self, given: Sequence[tuple[bytes, bytes]], written: bytes, body: bytes) -> None:
        """The whole response to a request that is whole, in one write; its status is 200.

        Its headers are those that are *given*, then those that are *written* already; none says how
        it is framed, or holds a line break.
        """
        head = STATUS_LINE[200]
        for name, value in self._protocol.server_state.default_headers:
            head += b"%b: %b\r\n" % (name, value)
        for name, value in given:
            head += b"%b: %b\r\n" % (name, value)
        last = b"" if self.keep_alive else b"connection: close\r\n"
        self.response_started = self.response_complete = True
        self.transport.write(
            b"%b%bcontent-length: %d\r\n%b\r\n%b" % (head, written, len(body), last, body)
        )
        if not self.keep_alive:
            self.transport.close()
        self._protocol.on_response_complete()

    def write(self, body: bytes) -> bool:
        """Send a piece of a streamed body at once; False where that takes waiting or is no use."""
        waits = self.flow.write_paused or self.disconnected or self._held
        if waits or not self.chunked_encoding or self.response_complete:
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    def write_chunk(self, chunk: bytes) -> bool:
        """Send a piece that is framed as a chunk already; otherwise as `write`."""
        waits = self.flow.write_paused or self.disconnected or self._held
        if waits or not self.chunked_encoding or self.response_complete:
            return False
        self.transport.write(chunk)
        return True

    async def receive(self) -> Message:  # type: ignore[override]
        """The body as far as it came, or word that the caller has gone."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            if not self._protocol.pipeline:
                self.flow.resume_reading()
            if not self._told:
                await self._wait()
            self._told = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def end(self) -> None:
        """Nobody answers it any more: its scope, which leads back to it, goes at once."""
        self.__dict__.pop("scope", None)

    async def _wait(self) -> None:
        self._waiter = self._protocol.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _send_head(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"a response begins with its head, not with {message['type']!r}")
        self.response_started = True
        if self.waiting_for_100_continue and self.more_body:
            self.keep_alive = False  # not told to go on, it may ask anew in place of the body
        self.waiting_for_100_continue = False
        status = message["status"]
        parts, lines = [STATUS_LINE[status]], 2
        for headers in (self._protocol.server_state.default_headers, message.get("headers", ())):
            for name, value in headers:
                parts += (name, b": ", value, b"\r\n")
                lines += 1
                if name in FRAMING:
                    self._heed(name, value)
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
            lines += 1
        if self._is_chunked(status):
            self.chunked_encoding = True
            parts.append(b"transfer-encoding: chunked\r\n")
            lines += 1
        parts.append(b"\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            raise RuntimeError("a header of the response holds a line break")
        self._held = head
        if not message.get("held"):
            self._protocol.loop.call_soon(self._flush)

    def _is_chunked(self, status: int) -> bool:
        """Whether the body is to come in chunks. To HTTP/1.0 it ends with the connection."""
        if self.chunked_encoding is not None or self._version == "1.0":
            return False
        return status not in NO_BODY and self.method != b"HEAD"

    def _heed(self, name: bytes, value: bytes) -> None:
        """What a header says of the framing."""
        if name == b"content-length":
            self.expected_content_length, self.chunked_encoding = int(value), False
        elif name == b"transfer-encoding":
            raise RuntimeError("the framing of a response is the server's")
        elif name == b"connection" and b"close" in value.lower():
            self.keep_alive = False

    def _send_body(self, message: Message) -> None:
        if self.response_complete or message["type"] != "http.response.body":
            raise RuntimeError(f"nothing follows a whole response, and {message['type']!r} came")
        more = message.get("more_body", False)
        body = self._framed(message.get("body", b""), more=more)
        if self._held:
            body, self._held = self._held + body, b""
        if body:
            self.transport.write(body)
        if not more:
            self.response_complete = True
            self.set()
            if not self.keep_alive:
                self.transport.close()
            self._protocol.on_response_complete()

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        """A piece of the body as it travels."""
        if self.method == b"HEAD":
            return b""
        if self.chunked_encoding:
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return framed if more else framed + b"0\r\n\r\n"
        if self.chunked_encoding is False or self._version != "1.0":
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (not more and self.expected_content_length):
                raise RuntimeError("the body of the response is not as long as its head says")
        return body

    def _flush(self) -> None:
        """Send a head whose body did not follow at once."""
        if self._held and not self.disconnected:
            head, self._held = self._held, b""
            self.transport.write(head)


# Below: private.

_ASGI: Any = {"version": "3.0", "spec_version": "2.3"}
