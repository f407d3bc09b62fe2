"""Who keeps the process of finetuning jobs running beside a gateway (`escalera work`).

It is a process of its own, so that a training neither slows an answer down nor takes the gateway
with it when it ends. It holds a pipe of the gateway: when that is gone, it keeps what it has and
ends.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

SOON = 5.0
"""Seconds within which an end is too soon."""
PAUSE, LONGEST = 0.5, 30.0
"""Seconds before it is started again, doubled up to the longest while it ends too soon."""
DRAIN = 20.0
"""Seconds that it has to keep what it has learned; then it is killed."""


class TrainingProcess:
    """Keeps the process running. *tell* says what happens to whoever started the gateway.

    *told* is a line that the process reads from its pipe: what nobody else may see.
    """

    def __init__(
        self, command: Sequence[str], tell: Callable[[str], None], *, told: bytes = b""
    ) -> None:
        self._command, self._tell, self._told = command, tell, told
        self.pid: int | None = None

    async def run(self) -> None:
        """Until it is cancelled; then the process is given time to keep what it has."""
        pause = PAUSE
        while True:
            began = time.monotonic()
            code = await self._once()
            pause = min(LONGEST, 2 * pause) if time.monotonic() - began < SOON else PAUSE
            told = "the process of finetuning jobs ended with"
            self._tell(f"{told} {code}; it is started again in {pause:g} s")
            await asyncio.sleep(pause)

    async def _once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE
        )
        if self._told and process.stdin is not None:
            process.stdin.write(self._told + b"\n")
        self.pid = process.pid
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await _ended(process)
            raise
        finally:
            self.pid = None


def command(file: Path, *, told: bool = False) -> tuple[str, ...]:
    """How the process is started; it reads a line from its pipe first where it is *told* one."""
    found = (sys.executable, "-m", "escalera", "work", "--project", str(file), "--watched")
    return (*found, "--told") if told else found


# Below: private.


async def _ended(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), DRAIN)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
