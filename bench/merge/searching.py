"""What merges of one race cost when the adapters stay in memory: `python -m bench.merge.searching`.

Two adapters of the size of a 1-billion-parameter model's (16 layers of width 2048, all seven
projections, rank 16); the plans are those of the grid and of a search around its first. Each way
merges all of them in one process, one after the other; the times are of this process, reading
included, writing left out by the last column.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from escalera.core.merging import plans
from escalera.domain.recipe import MergePlan
from escalera.edges.merging import adapter_folders
from escalera.edges.merging.adapters import AdapterMerger

WIDTH, INNER, NARROW, LAYERS, RANK = 2048, 8192, 512, 16, 16
SHAPES = {
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (NARROW, WIDTH),
    "self_attn.v_proj": (NARROW, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}


def main() -> None:
    """Print processor and wall seconds a merge, with and without what is held."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--merges", type=int, default=12)
    count = asked.parse_args().merges
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        adapters = [_adapter(root / name, seed) for seed, name in enumerate("ab")]
        size = sum(file.stat().st_size for file in adapters[0].iterdir()) / 1e6
        print(f"two adapters of {size:.0f} MB, {count} exact merges each")
        began = time.process_time(), time.perf_counter()
        for _ in range(count):
            for one in adapters:
                adapter_folders.read(one)
        _told("reading alone", began, count)
        for name, kept in (("a merger for each", False), ("one merger", True)):
            merger = AdapterMerger()
            began = time.process_time(), time.perf_counter()
            for number, plan in enumerate(_plans(count)):
                into = root / f"{name} {number}"
                into.mkdir()
                (merger if kept else AdapterMerger()).merge(plan, adapters, into=into)
                for file in into.iterdir():
                    file.unlink()
            _told(name, began, count)


def _told(name: str, began: tuple[float, float], count: int) -> None:
    cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    print(f"{name:18s} {cpu / count:7.3f} s of processor, {wall / count:7.3f} s of wall, a merge")


def _plans(count: int) -> Iterator[MergePlan]:
    exact = next(plan for plan in plans.propose("a", ["b"]) if plan.method == "concatenate")
    for number in range(count):
        yield plans.moved(exact, (0.5 + number / 50, 1.0 - number / 50))


def _adapter(folder: Path, seed: int) -> Path:
    """A LoRA adapter with random factors, in PEFT's form."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    header, data = {}, bytearray()
    for layer in range(LAYERS):
        for name, (out, into) in SHAPES.items():
            module = f"base_model.model.model.layers.{layer}.{name}"
            for part, shape in (("A", (RANK, into)), ("B", (out, RANK))):
                raw = rng.standard_normal(shape, np.float32).tobytes()
                places = [len(data), len(data) + len(raw)]
                header[f"{module}.lora_{part}.weight"] = {
                    "dtype": "F32",
                    "shape": list(shape),
                    "data_offsets": places,
                }
                data += raw
    text = json.dumps(header).encode()
    weights = folder / adapter_folders.WEIGHTS
    weights.write_bytes(len(text).to_bytes(8, "little") + text + bytes(data))
    config = {
        "peft_type": "LORA",
        "r": RANK,
        "lora_alpha": 32,
        "target_modules": sorted(name.rpartition(".")[2] for name in SHAPES),
    }
    (folder / adapter_folders.CONFIG).write_text(json.dumps(config))
    return folder


if __name__ == "__main__":
    main()
