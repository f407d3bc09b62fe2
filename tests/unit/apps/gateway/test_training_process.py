"""The process beside a gateway: started, started again, and ended with it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from escalera.apps.gateway import training_process
from escalera.apps.gateway.training_process import TrainingProcess

LASTS = "import sys; print('up', flush=True); sys.stdin.read()"


async def until_it_runs(made: TrainingProcess, besides: int | None = None) -> int:
    while made.pid is None or made.pid == besides:  # noqa: ASYNC110  it has no event
        await asyncio.sleep(0.01)
    return made.pid


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_process_that_ends_is_started_again(monkeypatch):
    """The operator is told of its end."""
    monkeypatch.setattr(training_process, "PAUSE", 0.01)
    said: list[str] = []

    async def go() -> None:
        made = TrainingProcess([sys.executable, "-c", LASTS], said.append)
        task = asyncio.create_task(made.run())
        first = await until_it_runs(made)
        os.kill(first, 9)
        second = await until_it_runs(made, first)
        assert second != first
        await ended(task)
        assert made.pid is None

    asyncio.run(asyncio.wait_for(go(), 60))
    assert said == ["the process of finetuning jobs ended with -9; it is started again in 0.02 s"]


def test_a_process_that_does_not_end_is_killed(monkeypatch):
    """After it was given time."""
    monkeypatch.setattr(training_process, "DRAIN", 0.2)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"

    async def go() -> int:
        made = TrainingProcess([sys.executable, "-c", stubborn], print)
        task = asyncio.create_task(made.run())
        pid = await until_it_runs(made)
        await asyncio.sleep(1)
        await ended(task)
        return pid

    pid = asyncio.run(asyncio.wait_for(go(), 60))
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        raise AssertionError("it still runs")


def test_it_is_started_for_the_project():
    """As a command of its own that ends with whoever started it."""
    command = training_process.command(Path("x/escalera.toml"))
    assert command[1:] == ("-m", "escalera", "work", "--project", "x/escalera.toml", "--watched")


def test_what_runs_is_told_over_the_pipe(tmp_path):
    """In a line, each time that the process is started; no argument shows it."""
    writes = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(input()); sys.stdin.read()"
    file = tmp_path / "said"

    async def go() -> None:
        command = [sys.executable, "-c", writes, str(file)]
        made = TrainingProcess(command, print, told=b'{"base": 1}')
        task = asyncio.create_task(made.run())
        while not (file.exists() and file.read_text()):  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.01)
        await ended(task)

    asyncio.run(asyncio.wait_for(go(), 60))
    assert file.read_text() == '{"base": 1}'
    assert training_process.command(Path("x"), told=True)[-1] == "--told"
