"""Adapters of width 2048 and rank 16: PEFT's ways, and ours on the same factors."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from escalera.core.merging import low_rank

SCALE = 2.0


def run(peer: str) -> dict[str, Any]:
    """Processor seconds and errors of both."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "factors.npz"
        script = Path(__file__).with_name("peft_adapters.py")
        done = subprocess.run(
            [peer, str(script), str(file)], capture_output=True, text=True, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        held = {name: values.astype(np.float64) for name, values in np.load(file).items()}
    parts = [
        (weight * SCALE * held[f"B{n}"], held[f"A{n}"]) for n, weight in (("a", 0.6), ("b", 0.4))
    ]
    times = []
    for _ in range(30):
        began = time.process_time()
        merged = low_rank.best_sum(parts, 16)
        times.append(time.process_time() - began)
    whole = sum(b @ a for b, a in parts)
    b, a = merged.factors
    found["ours"] = {
        "cpu": float(np.median(times)),
        "error": float(np.linalg.norm(b @ a - whole) / np.linalg.norm(whole)),
        "told": float(np.sqrt(merged.lost / merged.whole)),
    }
    return found
