"""Small models as folders, written with NumPy, for the tests of merges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from escalera.core.merging import numbers
from escalera.core.merging.numbers import STORED, Kind

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "vocab_size": 50,
    "torch_dtype": "bfloat16",
}


def save(path: Path, tensors: Mapping[str, tuple[str, np.ndarray]]) -> None:
    """Write raw arrays as one safetensors file."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end, parts = 0, []
    for name, (kind, values) in tensors.items():
        data = values.tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(values.shape),
            "data_offsets": [end, end + len(data)],
        }
        end += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))


def shapes(rows: int = 50) -> dict[str, tuple[int, ...]]:
    """The tensors of a model with two layers; one is longer than a block."""
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (rows, 24),
        "model.norm.weight": (24,),
        "lm_head.weight": (rows, 24),
    }
    for layer in range(2):
        found[f"model.layers.{layer}.mlp.up_proj.weight"] = (3001, 24)
        found[f"model.layers.{layer}.self_attn.q_proj.weight"] = (24, 24)
    return found


def floats(seed: int, rows: int = 50) -> dict[str, np.ndarray]:
    """Weights: common ones, and a little of each seed's own."""
    common, own = np.random.default_rng(0), np.random.default_rng(seed + 1)
    return {
        name: (common.standard_normal(shape) + 0.1 * own.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes(rows).items()
    }


def stored(values: Mapping[str, np.ndarray], kind: Kind) -> dict[str, tuple[str, np.ndarray]]:
    """Rounded to a kind."""
    return {name: (kind, numbers.as_stored(value, kind)) for name, value in values.items()}


def model(
    folder: Path,
    seed: int,
    *,
    kind: Kind = "BF16",
    tokens: Mapping[str, int] | None = None,
    rows: int = 50,
    shards: int = 1,
    **config: Any,
) -> Path:
    """A whole model in a new folder."""
    folder.mkdir(parents=True)
    held = stored(floats(seed, rows), kind)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": rows} | config))
    if tokens is not None:
        vocabulary = {"model": {"type": "BPE", "vocab": dict(tokens)}, "added_tokens": []}
        (folder / "tokenizer.json").write_text(json.dumps(vocabulary))
    if shards == 1:
        save(folder / "model.safetensors", held)
        return folder
    where = {name: f"part-{place % shards}.safetensors" for place, name in enumerate(held)}
    for shard in set(where.values()):
        save(folder / shard, {name: held[name] for name in held if where[name] == shard})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return folder


def loaded(folder: Path) -> dict[str, np.ndarray]:
    """All tensors of a folder as float32, read without the code under test."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        for name, entry in header.items():
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            raw = np.frombuffer(data[begin:end], STORED[entry["dtype"]])
            found[name] = numbers.as_floats(raw, entry["dtype"]).reshape(entry["shape"])
    return found


def adapter(folder: Path, seed: int, *, rank: int = 4, alpha: float = 8, **config: Any) -> Path:
    """A LoRA adapter with one layer in each of two blocks."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    held: dict[str, tuple[str, np.ndarray]] = {}
    for layer in range(2):
        name = f"base_model.model.model.layers.{layer}.mlp.up_proj"
        for key, shape in (("lora_A", (rank, 8)), ("lora_B", (12, rank))):
            values = generator.standard_normal(shape).astype(np.float32)
            held[f"{name}.{key}.weight"] = ("F32", values)
    save(folder / "adapter_model.safetensors", held)
    keys = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": ["up_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(keys | config))
    return folder


def change(folder: Path, layer: int) -> np.ndarray:
    """What an adapter adds to the weight of a block."""
    config = json.loads((folder / "adapter_config.json").read_text())
    held = loaded(folder)
    name = f"base_model.model.model.layers.{layer}.mlp.up_proj"
    by = config["r"] ** (0.5 if config.get("use_rslora") else 1)
    product = held[f"{name}.lora_B.weight"] @ held[f"{name}.lora_A.weight"]
    return config["lora_alpha"] / by * product.astype(np.float64)
