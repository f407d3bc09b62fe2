"""Whether callers are still there while their answers are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
PATIENT = 0.25
"""Seconds between two looks at the requests: whoever is there at two of them is watched."""


class Watch:
    """Notices callers who leave while their answers are waited for, and ends the work for them.

    One look at the clock for all requests together: a timer for each would cost more than all that
    is decided about it.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[Waiting, None] = {}

    def begin(self, receive: Receive) -> Waiting:
        """Watch the caller of the present task, once the answer takes its time."""
        loop = self._loop
        if loop is None or not loop.is_running():  # asked for anew, it would cost a system call
            loop, self._timer = asyncio.get_running_loop(), None
            self._loop = loop
        if self._timer is None:
            self._timer = loop.call_later(PATIENT, self._look)
        found = Waiting(receive, asyncio.current_task(loop))
        self._waiting[found] = None
        return found

    def end(self, waiting: Waiting) -> None:
        """The answer is there."""
        del self._waiting[waiting]
        if waiting.watching is not None:
            waiting.watching.cancel()

    def _look(self) -> None:
        loop, self._timer = self._loop, None
        if loop is None or not self._waiting:
            return
        for waiting in self._waiting:
            if waiting.seen and waiting.watching is None:
                waiting.watching = loop.create_task(waiting.wait())
            waiting.seen = True
        self._timer = loop.call_later(PATIENT, self._look)


class Waiting:
    """A request that is being answered, and whether its caller has left."""

    __slots__ = ("_receive", "_task", "left", "seen", "watching")

    def __init__(self, receive: Receive, task: asyncio.Task[Any] | None) -> None:
        self._receive = receive
        self._task = task
        self.left = self.seen = False
        self.watching: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Until the caller leaves."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self._task is not None:
            self._task.cancel()
