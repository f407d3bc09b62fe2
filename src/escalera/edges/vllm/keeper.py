"""`python -m escalera.edges.vllm.keeper`: keeps one server running for the owner of its pipes.

A process of its own, so that nothing survives its owner: when the pipe to the owner closes, for
whatever reason, the server is told to end, waited for, and killed with all that it has started.
Should the keeper itself be killed, the kernel tells the server (on Linux).

A server that ends by itself, or whose `/health` fails thrice in a row, is started again; one that
never was healthy is not, because what is wrong with its command stays wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import cast

import msgspec

from escalera.edges.vllm.log_file import LogFile
from escalera.edges.vllm.telling import Order, Word

SICK = 3
"""Probes in a row that fail before a server is taken for dead."""
PROBE = 5.0
"""Seconds that one probe may take."""
OFTEN = 0.2
"""Seconds between two probes of a server that is loading."""
LONGEST_PAUSE = 60.0
_PR_SET_PDEATHSIG = 1
_PROBE = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Keeper:
    """Keeps the process of *order* running until *ending* is set."""

    def __init__(self, order: Order, ending: asyncio.Event) -> None:
        self._order, self._ending = order, ending
        self._log = LogFile(Path(order.log), secret=order.secret)
        self._copying: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """The exit code: 0 where the owner wanted the end, 1 where the server is given up."""
        try:
            return await self._run()
        finally:
            self._log.close()

    # Private

    async def _run(self) -> int:
        order, failed, was_ready = self._order, 0, False
        while True:
            why, good = await self._life()
            was_ready = was_ready or good is not None
            if self._ending.is_set():
                _tell(Word(state="ended"))
                return 0
            failed = 1 if good is not None and good >= order.steady else failed + 1
            if not was_ready or failed > order.tries:
                _tell(Word(state="failed", why=why, log=self._log.last()))
                return 1
            pause = min(LONGEST_PAUSE, order.pause * 2 ** (failed - 1))
            again = f"{why}; it is started again in {pause:g} s"
            _tell(Word(state="down", why=again, log=self._log.last()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _life(self) -> tuple[str, float | None]:
        """One process from its start to its end: why it ended, and for how long it was healthy."""
        loop = asyncio.get_running_loop()
        try:
            process = await self._start()
        except OSError as error:
            return f"{self._order.command[0]!r} cannot be run: {error.strerror or error}", None
        _tell(Word(state="starting", pid=process.pid))
        since = None
        try:
            why = await self._loaded(process)
            if not why:
                since = loop.time()
                _tell(Word(state="ready", pid=process.pid))
                why = await self._watched(process)
        finally:
            await self._end(process)
        return why, None if since is None else loop.time() - since

    async def _start(self) -> asyncio.subprocess.Process:
        for name, value in self._order.environment.items():
            os.putenv(name, value)  # the keeper is there for this one server
        process = await asyncio.create_subprocess_exec(
            *self._order.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_dies_with_us if sys.platform == "linux" else None,
        )
        self._copying = asyncio.create_task(self._copy(process))
        return process

    async def _copy(self, process: asyncio.subprocess.Process) -> None:
        """Everything that it says goes to the log, so that it never waits to say it."""
        said = cast("asyncio.StreamReader", process.stdout)
        while data := await said.read(65536):
            self._log.write(data)

    async def _loaded(self, process: asyncio.subprocess.Process) -> str:
        """Wait until it is healthy; what is wrong where it never is."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._order.start_seconds
        while loop.time() < until:
            if self._ending.is_set():
                return "it was no longer wanted"
            if process.returncode is not None:
                return await self._ended(process)
            if await _healthy(self._order.port):
                return ""
            await self._pause(process, OFTEN)
        return f"it did not answer /health within {self._order.start_seconds:g} s"

    async def _watched(self, process: asyncio.subprocess.Process) -> str:
        """Wait until it ends, is sick, or is no longer wanted."""
        sick = 0
        while True:
            await self._pause(process, self._order.probe_seconds)
            if self._ending.is_set():
                return "it was no longer wanted"
            if process.returncode is not None:
                return await self._ended(process)
            sick = 0 if await _healthy(self._order.port) else sick + 1
            if sick >= SICK:
                return f"its /health failed {SICK} times in a row"

    async def _pause(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        """Wait, but no longer than the process lives and is wanted."""
        waits = [
            asyncio.ensure_future(process.wait()),
            asyncio.ensure_future(self._ending.wait()),
        ]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _ended(self, process: asyncio.subprocess.Process) -> str:
        if self._copying is not None:  # its last words
            await asyncio.wait([self._copying], timeout=1)
        code = process.returncode or 0
        return f"it ended with {code if code >= 0 else signal.Signals(-code).name}"

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """SIGTERM, time to finish its answers, then SIGKILL to all that it has started."""
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._order.stop_seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._copying is not None:
            await asyncio.wait([self._copying], timeout=1)
            self._copying.cancel()


async def main() -> int:
    """Read the order, keep it, and end when the pipe of the owner closes."""
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    from_owner = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(from_owner), sys.stdin)
    order = msgspec.json.decode(await from_owner.readline(), type=Order)

    async def listen() -> None:
        while await from_owner.read(1024):
            pass
        ending.set()

    listening = asyncio.create_task(listen())
    try:
        return await Keeper(order, ending).run()
    finally:
        listening.cancel()


# Below: private.


def _tell(word: Word) -> None:
    with contextlib.suppress(OSError):  # the owner is gone: the end follows
        sys.stdout.buffer.write(msgspec.json.encode(word) + b"\n")
        sys.stdout.buffer.flush()


async def _healthy(port: int) -> bool:
    """Whether `/health` answers with status 200."""
    try:
        async with asyncio.timeout(PROBE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(
                    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                return (await reader.readline()).split(b" ")[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _dies_with_us() -> None:
    """Between fork and exec: SIGTERM when the keeper is gone. It has one thread: this is safe."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
