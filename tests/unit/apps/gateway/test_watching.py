"""Callers who leave end the work for them; callers who stay do not."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from escalera.apps.gateway import watching
from escalera.apps.gateway.watching import Watch


class Caller:
    """Says nothing until it leaves."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()
        self.listened = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        self.listened.set()
        await self.leaves.wait()
        return {"type": "http.disconnect"}


def test_work_ends_with_its_caller_alone(monkeypatch: Any) -> None:
    """Two wait, one leaves: that one's work is cancelled, the other's goes on."""
    monkeypatch.setattr(watching, "PATIENT", 0.005)

    async def run() -> list[str]:
        watch, said = Watch(), []
        callers = [Caller(), Caller()]

        async def work(caller: Caller, name: str) -> None:
            waiting = watch.begin(caller.receive)
            try:
                await asyncio.sleep(0.2)
                said.append(f"{name} answered")
            except asyncio.CancelledError:
                said.append(f"{name} left" if waiting.left else f"{name} cancelled")
            finally:
                watch.end(waiting)

        tasks = [asyncio.create_task(work(c, n)) for c, n in zip(callers, "ab", strict=True)]
        await asyncio.sleep(0.02)
        callers[0].leaves.set()
        await asyncio.gather(*tasks)
        return said

    assert asyncio.run(run()) == ["a left", "b answered"]


class Near:
    """A caller's end that tells by itself when the caller leaves."""

    def __init__(self) -> None:
        self.left: Any = None
        self.asked = asyncio.Event()

    def on_leaving(self, left: Any) -> None:
        self.left = left
        self.asked.set()


def test_an_end_that_tells_is_not_waited_for(monkeypatch: Any) -> None:
    """No task looks out for its caller; work that is over is told nothing."""
    monkeypatch.setattr(watching, "PATIENT", 0.005)

    async def run() -> tuple[list[str], int]:
        watch, near, said = Watch(), Near(), []

        async def work() -> None:
            waiting = watch.begin(Caller().receive, near)
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                said.append("left" if waiting.left else "cancelled")
            finally:
                watch.end(waiting)

        task = asyncio.create_task(work())
        async with asyncio.timeout(5):
            await near.asked.wait()
        tasks = len(asyncio.all_tasks())
        near.left()
        await task
        assert near.left is None
        return said, tasks

    assert asyncio.run(run()) == (["left"], 2)


def test_whoever_was_watched_is_gone_at_once(monkeypatch: Any) -> None:
    """The task that looked out for the caller, and what it held, wait for no collector."""
    monkeypatch.setattr(watching, "PATIENT", 0.005)

    async def run() -> list[Any]:
        watch, caller = Watch(), Caller()
        waiting = watch.begin(caller.receive)
        async with asyncio.timeout(5):
            await caller.listened.wait()
        there = [weakref.ref(waiting.watching), weakref.ref(caller)]
        watch.end(waiting)
        del waiting, caller
        await asyncio.sleep(0.01)
        return [one() for one in there]

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(run()) == [None, None]
    finally:
        gc.enable()


def test_a_quick_answer_is_not_watched() -> None:
    """No task is made for it, so that nothing is left behind."""

    async def run() -> int:
        watch = Watch()
        for _ in range(100):
            watch.end(watch.begin(Caller().receive))
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1


def test_it_works_in_one_loop_after_the_other() -> None:
    """As tests and restarts do."""
    watch = Watch()

    async def run() -> None:
        watch.end(watch.begin(Caller().receive))

    asyncio.run(run())
    asyncio.run(run())
