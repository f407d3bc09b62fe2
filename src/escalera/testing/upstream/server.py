"""The mock upstream itself: a raw protocol, so that it is not what a benchmark measures.

One process answers tens of thousands of small requests a second. What it says is in `answers`, what
goes wrong in `faults`; here are connections, pace and counting.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import repeat
from typing import cast

import msgspec

from escalera.errors import InputError
from escalera.testing.upstream import answers, asked
from escalera.testing.upstream.faults import FAULTS, LAST, STREAM_TYPE, Case, Step, framed, head

REMEMBERED = 1000
"""Answers that are kept ready, and requests that can be looked at."""
SLICE = 256 * 1024
"""Bytes that are written before it is asked whether the reader keeps up."""
STREAM_HEAD = head(kind=STREAM_TYPE, more=b"Cache-Control: no-cache\r\n")


@dataclass(slots=True, kw_only=True)
class Pace:
    """How fast an answer comes: seconds to its first byte and between two tokens, and how many."""

    first: float = 0.0
    gap: float = 0.0
    tokens: int = 100


@dataclass(slots=True, kw_only=True)
class Mock:
    """An upstream that answers as OpenAI's API does, or fails as it is told.

    `fault` is a name of `FAULTS`, empty for none, and may be changed at any time; `times` is how
    many requests it still holds for, None for all. A request may ask for a fault of its own.
    `key` is what it wants to be called with, None for anything.
    """

    name: str = "mock"
    fault: str = ""
    times: int | None = None
    pace: Pace = field(default_factory=Pace)
    key: str | None = None
    port: int = 0
    requests: deque[tuple[bytes, bytes]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    counts: Counter[str] = field(default_factory=Counter)
    connections: set[asyncio.BaseTransport] = field(default_factory=set)
    _ready: dict[tuple[object, ...], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.check(self.fault)

    @staticmethod
    def check(fault: str) -> None:
        """Raise `InputError` for a fault that there is not."""
        if fault and fault not in FAULTS:
            raise InputError(f"there is no fault {fault!r}. Name one of {', '.join(FAULTS)}.")

    @property
    def url(self) -> str:
        """The base URL, once it is served."""
        return f"http://127.0.0.1:{self.port}/v1"

    def answer(self, top: bytes, body: bytes) -> bytes | Iterator[Step]:
        """What is put on the wire for a request: all at once, or step by step."""
        found = asked.read(top, body)
        if found.place == "control":
            return self._control(body)
        self.requests.append((top, body))
        self.counts[found.place] += 1
        if self.key is not None and b" Bearer " + self.key.encode() not in top:
            return self._failing("status-401", Case(asked=found, name=self.name, tokens=0))
        fault = found.fault or self._next_fault()
        if fault:
            return self._failing(fault, Case(asked=found, name=self.name, tokens=self.pace.tokens))
        if not found.place:
            said = answers.error(404, "no such path")
            return head(404, length=len(said)) + said
        return self._stream(found) if found.body.stream else self._whole(found)

    def _next_fault(self) -> str:
        if not self.fault or self.times is None:
            return self.fault
        self.times -= 1
        return self.fault if self.times >= 0 else ""

    def _failing(self, fault: str, case: Case) -> Iterator[Step]:
        self.check(fault)
        self.counts[f"fault:{fault}"] += 1
        return FAULTS[fault].play(case)

    def _whole(self, found: asked.Asked) -> bytes | Iterator[Step]:
        text = self._kept(found)
        steps: list[Step] = [self.pace.first, text]
        return iter(steps) if self.pace.first else text

    def _kept(self, found: asked.Asked) -> bytes:
        """A response in one; the same question has the same answer, which is written once."""
        body = found.body
        key = (found.place, body.stream, body.model, body.limit, body.usage, found.size)
        text = self._ready.get(key) if body.plain else None
        if text is None:
            text = self._written(found)
            if body.plain and len(self._ready) < REMEMBERED:
                self._ready[key] = text
        return text

    def _written(self, found: asked.Asked) -> bytes:
        tokens = self.pace.tokens
        if not found.body.stream:
            said = answers.whole(found, self.name, tokens)
            return head(length=len(said)) + said
        events = answers.events(found, self.name, tokens)
        return STREAM_HEAD + b"".join(map(framed, events)) + LAST

    def _stream(self, found: asked.Asked) -> Iterator[Step]:
        if self.pace.first:
            yield self.pace.first
        gap = self.pace.gap
        if not gap:
            text = self._kept(found)
            yield from (text[at : at + SLICE] for at in range(0, len(text), SLICE))
            return
        yield STREAM_HEAD
        for event in answers.events(found, self.name, self.pace.tokens):
            yield framed(event)
            yield gap
        yield LAST

    def _control(self, body: bytes) -> bytes:
        """Set or tell what goes wrong, from another process."""
        if body:
            told = msgspec.json.decode(body)
            self.check(told.get("fault", ""))
            self.fault, self.times = told.get("fault", ""), told.get("times")
            self.pace = Pace(**{**asdict(self.pace), **told.get("pace", {})})
            self._ready.clear()
            if told.get("forget"):
                self.counts.clear()
        said = answers.encode({"name": self.name, "fault": self.fault, "counts": dict(self.counts)})
        return head(length=len(said)) + said


class _Connection(asyncio.Protocol):
    """Reads requests, one after the other, and plays the answers to them."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._steps: Iterator[Step] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._mock.connections.add(transport)
        self._mock.counts["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._mock.connections.discard(self._transport)
        self._steps = None
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._held = True

    def resume_writing(self) -> None:
        self._held = False
        if self._timer is None:
            self._play()

    def data_received(self, data: bytes) -> None:
        self._rest = self._rest + data if self._rest else data
        if self._steps is None:
            self._serve()

    def _serve(self) -> None:
        """Answer what is there, until an answer takes its time."""
        while self._steps is None and (request := self._request()):
            try:
                said = self._mock.answer(*request)
            except (msgspec.DecodeError, InputError) as error:
                text = answers.error(400, str(error))
                said = head(400, length=len(text)) + text
            if isinstance(said, bytes):
                self._transport.write(said)
            else:
                self._steps = said
                self._play()

    def _request(self) -> tuple[bytes, bytes] | None:
        """The next request, head and body, if all of it is there."""
        data = self._rest
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return None
        top = data[:end]
        place = top.lower().find(b"\r\ncontent-length:")
        length = int(top[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(data) < end + 4 + length:
            return None
        self._rest = data[end + 4 + length :]
        return top, data[end + 4 : end + 4 + length]

    def _play(self) -> None:
        """The next steps, up to one that waits."""
        self._timer = None
        while self._steps is not None and not self._held:
            match next(self._steps, None):
                case None:
                    self._steps = None
                    self._loop.call_soon(self._serve)
                case bytes(text):
                    self._transport.write(text)
                case float() | int() as seconds:
                    self._timer = self._loop.call_later(seconds, self._play)
                    return
                case "hang":
                    self._steps = repeat("hang")
                    return
                case ending:
                    self._end(reset=ending == "reset")

    def _end(self, *, reset: bool) -> None:
        self._steps = None
        if reset:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()


async def listen(mock: Mock, *, host: str = "127.0.0.1") -> asyncio.Server:
    """Serve *mock* in the running loop, on its port, or on a free one that it then names."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(mock), host, mock.port, backlog=4096)
    mock.port = server.sockets[0].getsockname()[1]
    return server


async def serve(mock: Mock, *, host: str = "127.0.0.1", ready: Callable[[], None]) -> None:
    """Serve *mock* until this is cancelled; *ready* is called when it listens, on `mock.port`."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(mock), host, mock.port, backlog=4096)
    mock.port = server.sockets[0].getsockname()[1]
    ready()
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        for transport in mock.connections:
            cast("asyncio.Transport", transport).abort()
        await asyncio.sleep(0)


@contextmanager
def serving(mock: Mock) -> Iterator[Mock]:
    """Serve *mock* from a thread of its own."""
    started = threading.Event()
    with asyncio.Runner(loop_factory=loop) as runner:
        task = runner.get_loop().create_task(serve(mock, ready=started.set))

        def work() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                runner.get_loop().run_until_complete(task)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        started.wait(timeout=10)
        try:
            yield mock
        finally:
            runner.get_loop().call_soon_threadsafe(task.cancel)
            thread.join(timeout=10)


def loop() -> asyncio.AbstractEventLoop:
    """A new loop, uvloop's where there is one."""
    try:
        import uvloop  # noqa: PLC0415  absent on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return cast("asyncio.AbstractEventLoop", uvloop.new_event_loop())
