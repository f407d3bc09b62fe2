"""A long-lived process that answers each JSON line with one JSON line, within a time.

A crash, a late answer or a line that is no JSON fails that one question; the next finds a fresh
process. A process that keeps failing before it ever answered is not started again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from escalera.errors import ScorerFailed

LONGEST_LINE = 1024 * 1024
"""Bytes of an answer."""
TAIL = 300
"""Characters of what the process said on standard error that are kept for the reason."""
STARTS = 3
"""Starts without an answer after which no more are tried."""


class Lines:
    """`name` is what messages call it; `seconds` the most that one answer may take.

    `folder` is where it runs. With `environment` None it has the caller's.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        seconds: float,
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._name = name
        self._seconds = seconds
        self._folder = folder
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._said: deque[str] = deque(maxlen=TAIL)
        self._turn = asyncio.Lock()
        self._silent = 0
        self._last = ""

    async def ask(self, question: Any) -> Any:
        """The answer to one question; questions wait for each other. Raises `ScorerFailed`."""
        async with self._turn:
            if self._silent >= STARTS:
                raise ScorerFailed(f"{self._last} (and {STARTS} times in a row: not asked again)")
            try:
                answer = await self._answer(json.dumps(question).encode() + b"\n")
            except ScorerFailed as error:
                self._silent += 1
                self._last = str(error)
                raise
            self._silent = 0
            return answer

    async def close(self) -> None:
        """End the process, and whatever it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._listening is not None:
            await self._listening

    async def _answer(self, question: bytes) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                line = await self._exchanged(question)
        except TimeoutError:
            await self.close()
            raise ScorerFailed(f"{self._name} took longer than {self._seconds:g} s") from None
        except (OSError, ValueError) as error:  # a ValueError is a line that is too long
            await self.close()
            raise ScorerFailed(f"{self._name} cannot be asked: {error}") from error
        except BaseException:
            await self.close()  # the answer would be taken for that to the next question
            raise
        if not line.endswith(b"\n"):
            await self.close()
            raise ScorerFailed(f"{self._name} ended without an answer{self._tail()}")
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            await self.close()
            raise ScorerFailed(f"{self._name} answered {line[:80]!r}, which is no JSON") from None

    async def _exchanged(self, question: bytes) -> bytes:
        process = self._process or await self._started()
        to_it = cast("asyncio.StreamWriter", process.stdin)  # both are asked for below
        from_it = cast("asyncio.StreamReader", process.stdout)
        with contextlib.suppress(ConnectionError):  # it has ended: the empty line below says so
            to_it.write(question)
            await to_it.drain()
        return await from_it.readline()

    async def _started(self) -> asyncio.subprocess.Process:
        self._said.clear()
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env=self._environment,
            start_new_session=True,
            limit=LONGEST_LINE,
        )
        self._process = process
        self._listening = asyncio.ensure_future(self._listen(process))
        return process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Keep the end of what it says on standard error, so that it never waits to say it."""
        complaints = cast("asyncio.StreamReader", process.stderr)
        while piece := await complaints.read(4096):
            self._said.extend(piece.decode("utf-8", "replace"))

    def _tail(self) -> str:
        said = "".join(self._said).strip()
        return f": {said.splitlines()[-1]}" if said else ""
