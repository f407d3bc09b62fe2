"""Run one process and watch what it takes: processor time, and memory that is its own."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def merge(tool: str, recipe: Path, into: Path, *more: str, peer: str) -> dict[str, Any]:
    """Merge by "ours" or "theirs" into a fresh folder, and measure."""
    shutil.rmtree(into, ignore_errors=True)
    python = sys.executable if tool == "ours" else peer
    return watched([python, str(HERE / f"{tool}.py"), str(recipe), str(into), *more])


def watched(command: Sequence[str]) -> dict[str, Any]:
    """What a process printed last (JSON), with `anon`: the peak of its own memory in bytes."""
    out, peak = _run(command)
    return {"anon": peak} | json.loads(out.strip().splitlines()[-1])


def whole(command: Sequence[str]) -> dict[str, Any]:
    """What a process took from its start to its end: `cpu` and `wall` in seconds, and `anon`."""
    before, wall = _used(), time.monotonic()
    _, peak = _run(command)
    return {"cpu": _used() - before, "wall": time.monotonic() - wall, "anon": peak}


def _run(command: Sequence[str]) -> tuple[str, int]:
    """What a process printed, and the peak of its own memory in bytes."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        peak, file = 0, Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            peak = max(peak, _own(file))
            time.sleep(0.005)
        out, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"{command}: {errors[-3000:]}")
    return out, peak


def _used() -> float:
    """Processor seconds of all processes that have ended."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def _environment() -> dict[str, str]:
    """One thread, and modules compiled once, as an installed package's are."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}


def _own(file: Path) -> int:
    try:
        text = file.read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("RssAnon")]
    return int(found[0]) * 1024 if found else 0
