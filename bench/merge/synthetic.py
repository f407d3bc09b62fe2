"""Random models in the shape of Llama, in bfloat16; those after the first lie near it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from escalera.core.merging import numbers


@dataclass(frozen=True)
class Size:
    """Layers, width, width of the feed-forward part, rows of the vocabulary."""

    layers: int
    width: int
    inner: int
    rows: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor."""
        w, i = self.width, self.inner
        layer: Mapping[str, tuple[int, ...]] = {
            "self_attn.q_proj": (w, w),
            "self_attn.k_proj": (w // 4, w),
            "self_attn.v_proj": (w // 4, w),
            "self_attn.o_proj": (w, w),
            "mlp.gate_proj": (i, w),
            "mlp.up_proj": (i, w),
            "mlp.down_proj": (w, i),
            "input_layernorm": (w,),
            "post_attention_layernorm": (w,),
        }
        found: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.rows, w),
            "model.norm.weight": (w,),
            "lm_head.weight": (self.rows, w),
        }
        for number in range(self.layers):
            for name, shape in layer.items():
                found[f"model.layers.{number}.{name}.weight"] = shape
        return found

    @property
    def bytes(self) -> int:
        """Of one model."""
        return sum(2 * int(np.prod(shape)) for shape in self.shapes().values())


SIZES = {
    "7M": Size(4, 256, 704, 8000),
    "60M": Size(8, 768, 2048, 4000),
    "290M": Size(20, 1024, 2816, 32000),
    "1.2B": Size(24, 2048, 5632, 32000),
}


def make(root: Path, size: Size, count: int) -> None:
    """Write *count* models below *root*, unless they are there.

    Weights deviate by .02, changes by .002.
    """
    if (root / "made").exists():
        return
    files = []
    for number in range(count):
        folder = root / f"m{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(_config(size)))
        files.append((folder / "model.safetensors").open("wb"))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in size.shapes().items():
        length = 2 * int(np.prod(shape))
        header[name] = {
            "dtype": "BF16",
            "shape": list(shape),
            "data_offsets": [end, end + length],
        }
        end += length
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = np.random.default_rng(0)
    for file in files:
        file.write(len(text).to_bytes(8, "little") + text)
    for shape in size.shapes().values():
        base = 0.02 * generator.standard_normal(shape, dtype=np.float32)
        for number, file in enumerate(files):
            change = 0.002 * generator.standard_normal(shape, dtype=np.float32)
            values = base + change.astype(np.float32) if number else base
            file.write(numbers.as_stored(values.astype(np.float32), "BF16").tobytes())
    for file in files:
        file.close()
    (root / "made").write_text("")


def _config(size: Size) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": size.width,
        "intermediate_size": size.inner,
        "num_hidden_layers": size.layers,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "vocab_size": size.rows,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
    }
