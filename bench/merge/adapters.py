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
from escalera.core.merging.recipe import Recipe, Slice, Source
from escalera.edges.merging import adapter_recipes

SCALE = 2.0
KINDS: dict[str, dict[str, bool]] = {
    "LoRA": {},
    "rsLoRA": {"use_rslora": True},
    "DoRA": {"use_dora": True},
}


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
    found["same bytes"] = {kind: _is_itself(held, more) for kind, more in KINDS.items()}
    found["ours"] = {
        "cpu": float(np.median(times)),
        "error": float(np.linalg.norm(b @ a - whole) / np.linalg.norm(whole)),
        "told": float(np.sqrt(merged.lost / merged.whole)),
    }
    return found


def _is_itself(held: dict[str, Any], more: dict[str, bool]) -> bool:
    """Whether one adapter of weight 1, merged by us, is the same files."""
    parts = {"layer.lora_A.weight": held["Aa"], "layer.lora_B.weight": held["Ba"]}
    if more.get("use_dora"):
        parts["layer.lora_magnitude_vector"] = np.abs(held["Ba"]).sum(axis=1)
    header, data = {}, b""
    for name, values in parts.items():
        raw = values.astype("<f4").tobytes()
        places = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": places}
        data += raw
    text = json.dumps(header).encode()
    config = {"peft_type": "LORA", "r": 16, "lora_alpha": 32} | more
    source = Source(model="one", settings=(("weight", 1.0),))
    recipe = Recipe(method="linear", slices=(Slice(sources=(source,)),))
    with tempfile.TemporaryDirectory() as folder:
        one, out = Path(folder) / "one", Path(folder) / "out"
        one.mkdir()
        weights = one / "adapter_model.safetensors"
        weights.write_bytes(len(text).to_bytes(8, "little") + text + data)
        (one / "adapter_config.json").write_text(json.dumps(config))
        adapter_recipes.merge_recipe(recipe, {"one": one}, rank=None, into=out)
        return all(file.read_bytes() == (out / file.name).read_bytes() for file in one.iterdir())
