"""Processes under measure: what a command and its children used, and the endpoint they ask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Used:
    """A whole process: `cpu` is user and system time with children, `peak` its largest memory.

    `code` is None where the process was ended because it took too long.
    """

    cpu: float
    wall: float
    peak: float
    code: int | None


def measured(script: Path, *, limit: float = 900.0) -> Used:
    """Run a shell script to its end; its output goes to a file beside it."""
    began = time.monotonic()
    running = started(script)
    while True:
        pid, status, used = os.wait4(running.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - began > limit:
            killed(running)
            return Used(cpu=0.0, wall=limit, peak=0.0, code=None)
        time.sleep(0.005)
    running.returncode = os.waitstatus_to_exitcode(status)
    return Used(
        cpu=used.ru_utime + used.ru_stime,
        wall=time.monotonic() - began,
        peak=used.ru_maxrss / 1024,
        code=running.returncode,
    )


def started(script: Path) -> subprocess.Popen[bytes]:
    """The script in a process group of its own."""
    with script.with_suffix(".out").open("wb") as out, script.with_suffix(".err").open("wb") as err:
        return subprocess.Popen(["sh", str(script)], stdout=out, stderr=err, start_new_session=True)


def killed(running: subprocess.Popen[bytes]) -> None:
    """End the script and all its children with SIGKILL."""
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


class Mock:
    """The endpoint, in a process of its own."""

    def __init__(self, **options: float) -> None:
        given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "mock.py"), *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def __enter__(self) -> Mock:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate("")

    def count(self) -> dict[str, int]:
        """What the endpoint was asked until now."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/count") as answer:
            return json.load(answer)


class Figures:
    """Figures by tool and question, in one file that later runs add to."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.found: dict[str, dict[str, dict]] = {}
        if file.exists():
            self.found = json.loads(file.read_text())

    def add(self, question: str, tool: str, figures: object) -> None:
        """Replace what is known, show it, and keep it."""
        plain = figures if isinstance(figures, dict) else asdict(figures)
        self.found.setdefault(question, {})[tool] = plain
        print(f"{question}, {tool}: {json.dumps(plain)}", flush=True)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self.found, indent=1))
