"""Processes under test: pinned to a core, waited for, and read for processor time and memory."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@dataclass(kw_only=True)
class Running:
    """A process with its children, from start to end of a `with` block.

    `started` is how many seconds it took until it answered at *ready*, a URL. With `first` it goes
    before everything else on its core.
    """

    command: Sequence[str]
    ready: str
    core: int | None = None
    first: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    patience: float = 120.0
    started: float = 0.0

    def __enter__(self) -> Running:
        pin = [] if self.core is None else pinned(self.core, first=self.first)
        began = time.perf_counter()
        with Path(os.devnull if self.log is None else self.log).open("wb") as sink:
            self._process = subprocess.Popen(
                [*pin, *self.command],
                env={**_compiled_once(), **self.environment},
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        while not answers(self.ready):
            if self._process.poll() is not None or time.perf_counter() - began > self.patience:
                self.__exit__(None, None, None)
                told = "" if self.log is None else self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.command[0]} did not start: {told}")
            time.sleep(0.02)
        self.started = time.perf_counter() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for way in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, way)
                self._process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    @property
    def seconds(self) -> float:
        """Processor time of the process and its children so far."""
        return sum(_stat(pid)[0] for pid in self._family())

    @property
    def megabytes(self) -> float:
        """Resident memory of the process and its children."""
        return sum(_stat(pid)[1] for pid in self._family())

    def _family(self) -> list[int]:
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except (FileNotFoundError, ProcessLookupError):
                    continue
                parents.setdefault(parent, []).append(int(entry.name))
        found, waiting = [], [self._process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += parents.get(pid, [])
        return found


class MockUpstream(Running):
    """The mock upstream as a process, told what goes wrong from here."""

    model, key = "a", "k"

    def __init__(self, name: str, *options: str, core: int | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._control = f"http://127.0.0.1:{self.port}/mock"
        command = [sys.executable, "-m", "escalera.testing.upstream", "--name", name]
        super().__init__(
            command=[*command, "--port", str(self.port), *options], ready=self._control, core=core
        )

    def tell(self, **told: Any) -> None:
        """Set fault, times or pace."""
        body = json.dumps(told).encode()
        urllib.request.urlopen(urllib.request.Request(self._control, data=body)).close()

    def counts(self) -> dict[str, int]:
        """What it was asked so far."""
        with urllib.request.urlopen(self._control) as response:
            counts: dict[str, int] = json.load(response)["counts"]
            return counts


def pinned(core: int, *, first: bool = False) -> list[str]:
    """What a command begins with that runs on one core, before others if it may."""
    # Not in real time: threads of one process would no longer take turns, and some never run.
    return [*(["nice", "-n", "-20"] if first else []), "taskset", "-c", str(core)]


def answers(url: str) -> bool:
    """Whether a server answers there at all."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


# Below: private.


def _stat(pid: int) -> tuple[float, float]:
    """Seconds of processor time and megabytes of memory; nothing of a process that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    pages = int(fields[21])
    return (int(fields[11]) + int(fields[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _compiled_once() -> dict[str, str]:
    """This environment, with modules compiled once, as an installed package's are."""
    return {name: held for name, held in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
