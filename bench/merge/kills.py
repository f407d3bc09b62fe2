"""Kill merges at random moments, and compare what they end in with an undisturbed one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

from bench.merge.measuring import HERE, ROOT


def digest(folder: Path) -> str:
    """One hash over all files."""
    whole = sha256()
    for path in sorted(folder.iterdir()):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def run(recipe: Path, root: Path, kills: int) -> dict[str, int]:
    """Merge until there were as many kills as asked for; what came of it."""
    whole = _merged(recipe, root / "undisturbed", None)
    wanted = digest(root / "undisturbed")
    generator = random.Random(0)
    found = {"kills": 0, "merges": 0, "continued": 0, "different": 0}
    while found["kills"] < kills:
        shutil.rmtree(root / "killed", ignore_errors=True)
        while not (root / "killed").exists():
            work = root / ".killed.merging" / "progress.jsonl"
            had = work.exists() and work.read_bytes().count(b"\n") > 1
            if _merged(recipe, root / "killed", generator.uniform(0.2, 1.1) * whole) is None:
                found["kills"] += 1
            found["continued"] += had
        found["merges"] += 1
        found["different"] += digest(root / "killed") != wanted
        found["different"] += (root / ".killed.merging").exists()
    return found


def _merged(recipe: Path, into: Path, after: float | None) -> float | None:
    """Seconds of a merge, or None when it was killed before it was through."""
    shutil.rmtree(into, ignore_errors=True)
    command = [sys.executable, str(HERE / "ours.py"), str(recipe), str(into), "--threads", "2"]
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT / "src")}
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
    if process.returncode > 0:
        raise SystemExit(f"a merge failed with {process.returncode}")
    return None if process.returncode else time.monotonic() - began
