"""What many requests of one turn of the event loop do alike, done together, stage by stage.

A request that is served from end to end, between others that are at other points, finds neither its
code nor its data in the processor's caches: reading and writing are the kernel's whole way through
its stack, and a write wakes whoever reads at the other end. So what a busy turn brings is gathered
by what is to be done: requests are begun, answers passed on, then all is sent that is to be said,
and then it is noted. This is cohort scheduling (Larus and Parkes, "Using Cohort-Scheduling to
Enhance Server Performance", USENIX 2002), with the turn as the time for which anything may wait.

Where hardly anything comes together, waiting gains nothing and delays: then everything is done at
once for the next `DIRECT` writes, until another look at how many come together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from escalera.ports.serving import Stage

T = TypeVar("T")
MOST = 32
"""Connections that wait with what they say; with more of them the first would wait for long."""
SOME = 16
"""Requests or answers that are done before the turn ends: with more, their own data go cold."""
FEW = 2
"""Connections with something to say in a turn that gain nothing from waiting for each other."""
DIRECT = 32
"""Writes that go at once after a turn of few."""
LARGE = 16 * 1024
"""Bytes that do not wait: what is this long is not copied behind what does."""


def of(loop: asyncio.AbstractEventLoop) -> Cohorts:
    """The cohorts that all connections of a loop share: both ends of the gateway, and all hosts."""
    found = _COHORTS.get(loop)
    if found is None:
        found = _COHORTS[loop] = Cohorts()
    return found


class Cohorts:
    """What one loop does together. `direct` is how many writes go at once, and all else with them.

    Whatever is gathered is done before the next turn; the failure of one is told to the loop, and
    keeps no other from being done.
    """

    __slots__ = ("_due", "_said", "_stages", "_waiting", "direct")

    def __init__(self) -> None:
        self.direct = 0
        self._due = False
        self._said = 0  # connections in this turn, also those whose bytes are out
        self._waiting: list[Held] = []
        self._stages: dict[Stage, list[tuple[Callable[[Any], None], Any]]] = {
            "request": [],
            "answer": [],
            "note": [],
        }

    def hold(self, transport: asyncio.Transport) -> asyncio.Transport:
        """*transport* with writes that may wait for the end of the turn."""
        return cast("asyncio.Transport", Held(transport, self))

    def gather(self, stage: Stage, work: Callable[[T], None], one: T) -> None:
        """Call *work* with *one*, together with the others of this stage."""
        if self.direct:
            work(one)
            return
        if not self._due:
            self._end_soon()
        waiting = self._stages[stage]
        waiting.append((work, one))
        if len(waiting) >= SOME and stage != "note":
            self._do(stage)

    def add(self, held: Held) -> None:
        """*held* has something to say."""
        if not self._due:
            self._end_soon()
        self._said += 1
        self._waiting.append(held)
        if len(self._waiting) >= MOST:
            self._send()

    def _end_soon(self) -> None:
        self._due = True
        asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self._do("request")
        self._do("answer")
        if self._said <= FEW:
            self.direct = DIRECT
        self._said = 0
        self._send()
        self._due = False
        self._do("note")

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for held in waiting:
            held.send()

    def _do(self, stage: Stage) -> None:
        waiting = self._stages[stage]
        if not waiting:
            return
        self._stages[stage] = []
        for work, one in waiting:
            try:
                work(one)
            except Exception as error:  # noqa: BLE001  others wait behind this one
                told = {"message": f"A fault of the gateway in the stage {stage!r}"}
                asyncio.get_running_loop().call_exception_handler({**told, "exception": error})


class Held:
    """A transport that keeps what is written until its cohort is sent.

    What is asked of it goes by what was written: it closes after that, and counts it as unsent. A
    transport that closes by itself, or is aborted, loses it, as it loses what the kernel had not
    taken. An empty write says nothing.
    """

    __slots__ = (
        "_bytes", "_cohorts", "_transport", "abort", "get_extra_info", "is_closing",
        "pause_reading", "resume_reading",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, cohorts: Cohorts) -> None:
        self._transport = transport
        self._cohorts = cohorts
        self._bytes = b""
        # Passed on without a call of ours: asked for every request.
        self.get_extra_info: Callable[..., Any] = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.abort = transport.abort
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Keep *data* until the end of the turn; much of it goes at once, behind what waits."""
        cohorts = self._cohorts
        if self._bytes and len(data) <= LARGE:
            self._bytes += data
        elif cohorts.direct or len(data) > LARGE:
            cohorts.direct = max(0, cohorts.direct - 1)
            self.send()
            self._transport.write(data)
        else:
            self._bytes = data
            cohorts.add(self)

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


# Below: private.

_COHORTS: WeakKeyDictionary[asyncio.AbstractEventLoop, Cohorts] = WeakKeyDictionary()
