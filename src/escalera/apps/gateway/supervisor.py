"""Several workers on one socket: started, watched, restarted, told of a new configuration, ended.

The socket is one, so no connection is lost with a worker that another could have taken. A worker
that ends by itself is started again, later each time it does so soon. Workers hold a pipe of ours:
when we are gone, they end as well.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

SOON = 5.0
"""Seconds within which an end is too soon."""
PAUSE, LONGEST = 0.5, 15.0
"""Seconds before a worker is started again, doubled up to the longest while it ends too soon."""
DRAIN = 40.0
"""Seconds that workers have to end; then they are killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How a worker is started: the command, to which its slot is added.

    `told` is what it has to know and nobody else may see: a line, which it reads from the pipe.
    """

    command: Sequence[str]
    workers: int
    told: bytes = field(default=b"", repr=False)


class Supervisor:
    """Watches over a crew on *listener*, which it closes at the end.

    *tell* says what happens to whoever started it; *leave* is called once it begins to end.
    """

    def __init__(
        self,
        crew: Crew,
        listener: socket.socket,
        tell: Callable[[str], None],
        *,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self._crew, self._listener, self._tell, self._leave = crew, listener, tell, leave
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; then every worker is given time to end its requests."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._signal, signal.SIGHUP)
        let_through()
        kept = [asyncio.create_task(self._keep(slot)) for slot in range(self._crew.workers)]
        try:
            await self._ending.wait()
        finally:
            self._ending.set()
            self._leave()
            self._signal(signal.SIGTERM)
            self._listener.close()  # whoever comes now is refused, and does not wait for nobody
            _, left = await asyncio.wait(kept, timeout=DRAIN)
            if left:
                self._tell(f"{len(left)} workers do not end within {DRAIN:g} s: they are killed")
                self._signal(signal.SIGKILL)
                await asyncio.wait(left)

    def pids(self) -> dict[int, int]:
        """The process of each worker that runs, by slot."""
        return {slot: process.pid for slot, process in self._running.items()}

    # Private

    async def _keep(self, slot: int) -> None:
        """Keep a worker running in a slot."""
        loop, pause = asyncio.get_running_loop(), PAUSE
        while not self._ending.is_set():
            began = loop.time()
            code = await self._work(slot)
            if self._ending.is_set():
                return
            soon = loop.time() - began < SOON
            pause = min(LONGEST, 2 * pause) if soon else PAUSE
            self._tell(f"worker {slot} ended with {code}; it is started again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _work(self, slot: int) -> int:
        """Start a worker and wait for its end; the exit code."""
        number = self._listener.fileno()
        hold_back()  # the worker begins as we are now
        process = await asyncio.create_subprocess_exec(
            *self._crew.command,
            *("--worker", f"{slot}:{number}:told" if self._crew.told else f"{slot}:{number}"),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=(number,),
        )
        let_through()
        if self._crew.told and process.stdin is not None:
            process.stdin.write(self._crew.told + b"\n")
        self._running[slot] = process
        if self._ending.is_set():  # asked to end while it was being started
            process.terminate()
        try:
            return await process.wait()
        finally:
            self._running.pop(slot, None)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)


def hold_back() -> None:
    """Have word of another configuration wait for `let_through`: before it can be heeded it would
    end this process, or those that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def let_through() -> None:
    """Take what was held back, and whatever comes."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def told() -> bytes:
    """The line that the process which started this one has for it; called once, first of all."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(sys.stdin.fileno(), 1)  # not a byte beyond: the rest is the pipe's end
        if not piece:
            break
        line += piece
    return line.rstrip(b"\n")


def end_with_parent(end: Callable[[], None]) -> None:
    """Call *end* when the process that started this one is gone, as its pipe tells."""
    loop, pipe = asyncio.get_running_loop(), sys.stdin.fileno()

    def gone() -> None:
        loop.remove_reader(pipe)
        end()

    loop.add_reader(pipe, gone)
