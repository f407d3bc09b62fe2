"""Writes of one turn of the event loop, sent together at its end where there are many of them, and
what may be done behind them.

A write costs the kernel's way through its stack, and wakes whoever reads at the other end; between
two requests both drive what the next one needs out of the processor's caches. So what a busy turn
has to say waits until all that came in it has been answered, or until `MOST` connections have
something to say. Nothing waits for what comes in the next turn.

Where hardly anything is said together, waiting gains nothing and delays: then the next `DIRECT`
writes go at once, until another look at how many come together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

T = TypeVar("T")
MOST = 32
"""Connections that wait with what they say; with more of them the first would wait for long."""
FEW = 2
"""Connections with something to say in a turn that gain nothing from waiting for each other."""
DIRECT = 32
"""Writes that go at once after a turn of few."""
LARGE = 16 * 1024
"""Bytes that do not wait: what is this long is not copied behind what does."""


def of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """The outbox that all connections of a loop share: both ends of the gateway, and all hosts."""
    found = _OUTBOXES.get(loop)
    if found is None:
        found = _OUTBOXES[loop] = Outbox()
    return found


class Outbox:
    """Sends what the connections of one loop write. `direct` is how many writes go at once."""

    __slots__ = ("_after", "_said", "_waiting", "direct")

    def __init__(self) -> None:
        self.direct = 0
        self._said = 0  # connections in this turn, also those whose bytes are out
        self._after: list[tuple[Callable[[Any], None], Any]] = []
        self._waiting: list[Held] = []

    def hold(self, transport: asyncio.Transport) -> asyncio.Transport:
        """*transport* with writes that may wait for the end of the turn."""
        return cast("asyncio.Transport", Held(transport, self))

    def add(self, held: Held) -> None:
        """*held* has something to say."""
        if not self._said:
            asyncio.get_running_loop().call_soon(self._end)
        self._said += 1
        self._waiting.append(held)
        if len(self._waiting) >= MOST:
            self._send()

    def after(self, work: Callable[[T], None], of: T) -> None:
        """Call *work* behind what this turn has to say: at once, where nothing waits.

        Doing the same for many at a time is quicker than between two other things.
        """
        if self._said:
            self._after.append((work, of))
        else:
            work(of)

    def _end(self) -> None:
        if self._said <= FEW:
            self.direct = DIRECT
        self._said = 0
        self._send()
        after, self._after = self._after, []
        for work, of in after:
            work(of)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for held in waiting:
            held.send()


class Held:
    """A transport that keeps what is written until its outbox sends it.

    What is asked of it goes by what was written: it closes after that, and counts it as unsent. A
    transport that closes by itself, or is aborted, loses it, as it loses what the kernel had not
    taken. An empty write says nothing.
    """

    __slots__ = (
        "_bytes", "_outbox", "_transport", "get_extra_info", "is_closing", "pause_reading",
        "resume_reading",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._bytes = b""
        # Passed on without a call of ours: asked for every request.
        self.get_extra_info: Callable[..., Any] = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Keep *data* until the end of the turn; much of it goes at once, behind what waits."""
        outbox = self._outbox
        if self._bytes and len(data) <= LARGE:
            self._bytes += data
        elif outbox.direct or len(data) > LARGE:
            outbox.direct = max(0, outbox.direct - 1)
            self.send()
            self._transport.write(data)
        else:
            self._bytes = data
            outbox.add(self)

    def send(self) -> None:
        """Send what waits, if anything does."""
        data, self._bytes = self._bytes, b""
        if data and not self.is_closing():
            self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait, here or in the transport."""
        return len(self._bytes) + self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Close behind what waits."""
        self.send()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._bytes = b""
        self._transport.abort()


# Below: private.

_OUTBOXES: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()
