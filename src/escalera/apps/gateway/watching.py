"""Whether callers are still there while their answers are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
PATIENT = 0.25
"""Seconds between two looks at the requests: whoever is there at two of them is watched."""


class Patient(Protocol):
    """What is looked at: whether it was *seen* before, and what is done where it was."""

    seen: bool

    def late(self, loop: asyncio.AbstractEventLoop) -> None:
        """It takes its time."""


class Present(Protocol):
    """A caller's end that tells by itself when the caller leaves."""

    def on_leaving(self, left: Callable[[], None] | None) -> None:
        """Call *left* once, also where the caller has left already; None takes it back."""


class Watch:
    """Notices callers who leave while their answers are waited for, and ends the work for them.

    One look at the clock for all requests together: a timer for each would cost more than all that
    is decided about it.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[Patient, None] = {}

    def begin(self, receive: Receive, present: Present | None = None, *, looks: int = 0) -> Waiting:
        """Watch the caller of the present task, once the answer takes its time.

        Where there is a *present*, it is asked; otherwise *receive* is waited for. *looks* is how
        often it was looked at before, as one that was added.
        """
        loop = self._running()
        found = Waiting(receive, present, asyncio.current_task(loop))
        self._waiting[found] = None
        if looks:
            found.seen = True
            if looks > 1:
                found.late(loop)
        return found

    def end(self, waiting: Waiting) -> None:
        """The answer is there."""
        del self._waiting[waiting]
        waiting.end()

    def add(self, waiting: Patient) -> None:
        """Tell *waiting* once it takes its time."""
        if self._timer is None or self._loop is None or not self._loop.is_running():
            self._running()
        self._waiting[waiting] = None

    def drop(self, waiting: Patient) -> None:
        """It is over."""
        del self._waiting[waiting]

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, in which there is a next look."""
        loop = self._loop
        if loop is None or not loop.is_running():  # asked for anew, it would cost a system call
            loop, self._timer = asyncio.get_running_loop(), None
            self._loop = loop
        if self._timer is None:
            self._timer = loop.call_later(PATIENT, self._look)
        return loop

    def _look(self) -> None:
        loop, self._timer = self._loop, None
        if loop is None or not self._waiting:
            return
        for waiting in tuple(self._waiting):
            if waiting.seen:
                waiting.late(loop)
            waiting.seen = True
        self._timer = loop.call_later(PATIENT, self._look)


class Waiting:
    """A request that is being answered, and whether its caller has left."""

    __slots__ = ("_asked", "_present", "_receive", "_task", "left", "seen", "watching")

    def __init__(
        self, receive: Receive, present: Present | None, task: asyncio.Task[Any] | None
    ) -> None:
        self._receive = receive
        self._present = present
        self._task = task
        self._asked = False
        self.left = self.seen = False
        self.watching: asyncio.Task[None] | None = None

    def late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look out for whether the caller leaves."""
        if self._asked:
            return
        self._asked = True
        if self._present is None:
            self.watching = loop.create_task(self.wait())
        else:
            self._present.on_leaving(self.leave)

    def end(self) -> None:
        """Look out no more."""
        watching, self.watching = self.watching, None
        if watching is not None:  # it leads back to what it watched once it is cancelled
            watching.cancel()
        elif self._asked and self._present is not None:
            self._present.on_leaving(None)

    async def wait(self) -> None:
        """Until the caller leaves."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave()

    def leave(self) -> None:
        """The caller has left: its work ends."""
        self.left = True
        if self._task is not None:
            self._task.cancel()
