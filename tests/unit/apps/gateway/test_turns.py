"""The requests of one connection, and the tasks that answer them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, cast

from escalera.apps.gateway.cycle import LeanCycle
from escalera.apps.gateway.turns import Turns

App = Callable[[str], Coroutine[Any, Any, None]]


class Asked:
    """Stands for a request: what an application gets of it is its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def run_asgi(self, app: App) -> None:
        await app(self._name)

    def end(self) -> None:
        self.ended = True


def asked(name: str) -> LeanCycle:
    return cast("LeanCycle", Asked(name))


class Noted:
    """An application that notes which task answers what, and waits where it is told to."""

    def __init__(self) -> None:
        self.tasks: dict[str, asyncio.Task[Any] | None] = {}
        self.slow = asyncio.Event()

    async def __call__(self, name: str) -> None:
        self.tasks[name] = asyncio.current_task()
        if name.startswith("slow"):
            await self.slow.wait()


async def turned(app: App) -> tuple[Turns, set[asyncio.Task[None]]]:
    tasks: set[asyncio.Task[None]] = set()
    return Turns(app, loop=asyncio.get_running_loop(), tasks=tasks), tasks


def running(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test in a loop of its own."""
    return functools.wraps(test)(lambda: asyncio.run(test()))


async def pause() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@running
async def test_one_task_answers_one_request_after_the_other() -> None:
    """No other task is made while requests come one by one."""
    app = Noted()
    turns, tasks = await turned(app)
    for name in "abc":
        turns.begin(asked(name))
        assert len(tasks) == 1, "a server that ends waits for what is answered"
        await pause()
        assert not tasks, "and not for what is idle"
    assert app.tasks["a"] is app.tasks["b"] is app.tasks["c"]
    turns.end()
    await pause()
    assert app.tasks["a"] is not None
    assert app.tasks["a"].done()


@running
async def test_what_still_ends_keeps_no_other_request_waiting() -> None:
    """A request that comes while one is being ended gets a task of its own."""
    app = Noted()
    turns, tasks = await turned(app)
    turns.begin(asked("slow"))
    await pause()
    turns.begin(asked("quick"))
    await pause()
    assert set(app.tasks) == {"slow", "quick"}
    assert tasks == {app.tasks["slow"]}
    app.slow.set()
    await pause()
    assert not tasks
    assert app.tasks["slow"] is not None
    assert app.tasks["slow"].done(), "one task waits for the next request, not two"
    turns.end()


@running
async def test_what_is_answered_when_a_connection_ends_ends_by_itself() -> None:
    """Nothing that runs is cut off, and nothing is left behind."""
    app = Noted()
    turns, tasks = await turned(app)
    turns.begin(asked("slow"))
    await pause()
    turns.end()
    await pause()
    assert len(tasks) == 1
    app.slow.set()
    await pause()
    assert not tasks
    assert asyncio.all_tasks() == {asyncio.current_task()}


@running
async def test_a_task_that_was_cancelled_is_not_used_again() -> None:
    """What follows gets another one."""
    app = Noted()

    async def patient(name: str) -> None:
        try:
            await app(name)
        except asyncio.CancelledError:
            app.tasks["cancelled"] = asyncio.current_task()

    turns, tasks = await turned(patient)
    turns.begin(asked("slow"))
    await pause()
    tasks.copy().pop().cancel()
    await pause()
    turns.begin(asked("next"))
    await pause()
    assert app.tasks["next"] is not app.tasks["cancelled"]
    assert app.tasks["next"] is not None
    assert app.tasks["next"].cancelling() == 0
    turns.end()
