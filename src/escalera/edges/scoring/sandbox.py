"""Running a runner in the jail: a process of its own, bounded in every way, killed when it is late.

What holds on which platform is said in docs/explanation/security.md. Nothing of the caller's
environment gets in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from escalera.errors import BadOption, ScorerFailed

Isolation = Literal["full", "limits"]
NEEDS: dict[Isolation, tuple[str, ...]] = {
    "full": ("limits", "memory", "landlock", "seccomp"),
    "limits": ("limits",),
}
"""The measures without which nothing is run."""

MEGABYTE = 1024 * 1024
LONGEST_RESULT = 4 * MEGABYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds of processor time, and megabytes of memory and of each file that is written.

    The clock on the wall may show three times the seconds and three more: who waits so long does
    not end.
    """

    seconds: int
    memory_mb: int
    file_mb: int = 4

    @property
    def wall(self) -> float:
        """Seconds after which the process is killed."""
        return 3.0 * self.seconds + 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is run: a runner, its input, its limits, and folders that it may read besides."""

    runner: Path
    data: Any
    limits: Limits
    isolation: Isolation = "full"
    paths: tuple[str, ...] = ()


async def run(job: Job) -> Any | None:
    """What the runner returned, or None where it died, was stopped or did not end.

    Raises `ScorerFailed` where it could not be run as asked at all.
    """
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="escalera-") as scratch:
        said = await _lines(job, token, Path(scratch))
    if not said:
        raise ScorerFailed("the sandbox did not start: no process, or no memory for one")
    held = said[0].get("held", [])
    lacking = [measure for measure in NEEDS[job.isolation] if measure not in held]
    if lacking:
        raise ScorerFailed(f"the sandbox lacks {', '.join(lacking)} here, and nothing was run")
    last = said[-1]
    return last["done"] if last.get("token") == token else None


@cache
def measures() -> frozenset[str]:
    """The measures that hold on this machine."""
    if os.name != "posix":
        return frozenset()
    with tempfile.TemporaryDirectory(prefix="escalera-") as scratch:
        asked = subprocess.run(  # noqa: S603  our own script
            [*_COMMAND, "--measures"],
            capture_output=True,
            cwd=scratch,
            env=_environment(),
            check=False,
        )
    return frozenset(json.loads(asked.stdout)) if asked.returncode == 0 else frozenset()


def check(isolation: Isolation) -> None:
    """Raise `BadOption` where this machine cannot isolate as asked: known before any call."""
    lacking = [measure for measure in NEEDS[isolation] if measure not in measures()]
    if not lacking:
        return
    if lacking == ["limits"] or isolation == "limits":
        remedy = "Run it on Linux or macOS, in a container, or score with another kind"
    else:
        remedy = 'Run it on Linux 5.13 or newer; or, if you trust the replies, set it to "limits"'
    raise BadOption("isolation", f"{isolation!r} needs {', '.join(lacking)}, not had here", remedy)


# Below: private.

_COMMAND = (
    sys.executable, "-s", "-S", "-P", "-B", "-X", "utf8", str(Path(__file__).with_name("jail.py"))
)  # fmt: skip
"""No site packages, no path of the caller, no bytecode written."""


def _environment() -> dict[str, str]:
    # Hashes are the same in every run, so that a program that walks over a set is, too.
    return {"LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}


async def _lines(job: Job, token: str, scratch: Path) -> list[dict[str, Any]]:
    """What came through the pipe, until the process ended or its time was over."""
    mine, theirs = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            str(theirs),
            str(job.runner),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs,),
            cwd=scratch,
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        os.close(mine)
        raise ScorerFailed(f"the sandbox did not start: {error}") from error
    finally:
        os.close(theirs)
    try:
        with open(mine, "rb", buffering=0) as pipe:  # noqa: ASYNC230, PTH123  read by the loop
            return await _exchange(process, _input(job, token), pipe, job.limits.wall)
    finally:
        _kill(process)
        await process.wait()


def _input(job: Job, token: str) -> bytes:
    limits = {
        "seconds": job.limits.seconds,
        "memory": job.limits.memory_mb * MEGABYTE,
        "file": job.limits.file_mb * MEGABYTE,
        "paths": list(job.paths),
    }
    given = {"limits": limits, "needs": NEEDS[job.isolation], "token": token, "data": job.data}
    return json.dumps(given).encode()


async def _exchange(
    process: asyncio.subprocess.Process, given: bytes, pipe: Any, wall: float
) -> list[dict[str, Any]]:
    reader = asyncio.StreamReader(limit=LONGEST_RESULT)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    said: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(wall):
            with contextlib.suppress(ConnectionError):
                to_it = cast("asyncio.StreamWriter", process.stdin)  # asked for above
                to_it.write(given)
                await to_it.drain()
                to_it.close()
            while len(said) < _MOST_LINES and (line := await reader.readline()):
                said.append(_object(line))
    except (TimeoutError, ValueError):  # late, or a line that is too long
        said = said[:1]
    finally:
        transport.close()
    return said


_MOST_LINES = 100


def _object(line: bytes) -> dict[str, Any]:
    """A line of the runner's; what it should not have written is nothing."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
