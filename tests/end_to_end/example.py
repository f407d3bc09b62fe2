"""A small cut of the running example, for tests that climb it for real.

The model and the messages are those of `examples/support`; only their number is smaller, so a
climb with a training takes seconds.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support"
ITEMS = {"train": 240, "search": 32, "confirm": 80, "golden": 0}


def small_example(folder: Path, **changes: str) -> Path:
    """A project in *folder* with fewer items; *changes* replace values of the project file."""
    folder.mkdir(parents=True)
    (folder / "data").mkdir()
    for source in (EXAMPLE / "data").glob("*.jsonl"):
        kept: list[str] = []
        counts: Counter[str] = Counter()
        for line in source.read_text(encoding="utf-8").splitlines():
            split = json.loads(line)["split"]
            counts[split] += 1
            if counts[split] <= ITEMS[split]:
                kept.append(line)
        (folder / "data" / source.name).write_text("\n".join(kept), encoding="utf-8")
    shutil.copytree(EXAMPLE / "model", folder / "model")
    project = (EXAMPLE / "escalera.toml").read_text(encoding="utf-8")
    for key, value in changes.items():
        project, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", project, flags=re.MULTILINE)
        assert found, key
    (folder / "escalera.toml").write_text(project, encoding="utf-8")
    return folder


def escalera(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "escalera", *arguments], check=False, capture_output=True, text=True
    )
