"""The requests of one connection, answered one after the other by one task.

A task for each request costs as much as reading its head.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from escalera.apps.gateway.cycle import LeanCycle

App = Callable[..., Any]
_Turn = tuple[LeanCycle, App]


class Turns:
    """Answers what a connection asks with *app*.

    *tasks* holds the tasks that answer something: a server that ends waits for these.
    """

    __slots__ = ("_app", "_idle", "_is_over", "_loop", "_tasks")

    def __init__(
        self, app: Any, *, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]
    ) -> None:
        self._app = app
        self._loop = loop
        self._tasks = tasks
        self._idle: tuple[asyncio.Task[None], asyncio.Future[_Turn | None]] | None = None
        self._is_over = False

    def begin(self, cycle: LeanCycle, app: App | None = None) -> None:
        """Answer *cycle*, beside those before it that have their responses and still end.

        *app* answers it in place of the one that answers the others.
        """
        turn = cycle, app or self._app
        idle = self._idle
        if idle is None:
            task = self._loop.create_task(self._run(turn))
            task.add_done_callback(self._tasks.discard)
        else:
            self._idle = None
            task = idle[0]
            idle[1].set_result(turn)
        self._tasks.add(task)

    def end(self) -> None:
        """Nothing will be asked any more."""
        self._is_over = True
        idle, self._idle = self._idle, None
        if idle is not None:
            idle[1].set_result(None)

    # Private

    async def _run(self, first: _Turn) -> None:
        task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101  it is this one
        turn: _Turn | None = first
        del first
        while turn is not None:
            await turn[0].run_asgi(turn[1])
            turn[0].end()
            if self._is_over or self._idle is not None or task.cancelling():
                return
            self._tasks.discard(task)
            waiter: asyncio.Future[_Turn | None] = self._loop.create_future()
            self._idle = task, waiter
            turn = None  # it holds the request: a connection may be idle for long
            turn = await waiter
