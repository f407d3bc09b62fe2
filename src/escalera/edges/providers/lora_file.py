"""A PEFT adapter's files as matrices, where it is LoRA and nothing else.

What else an adapter may be (weight-decomposed, with trained biases, embeddings or whole modules, or
begun from a changed base) is told by its configuration; PEFT itself applies those.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from escalera.edges.providers import adapters
from escalera.errors import InputError

_PREFIX = "base_model.model."
_PLAIN = frozenset(
    {
        "alpha_pattern",
        "auto_mapping",
        "base_model_name_or_path",
        "exclude_modules",
        "fan_in_fan_out",
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "lora_alpha",
        "lora_dropout",
        "megatron_core",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "r",
        "rank_pattern",
        "revision",
        "runtime_config",
        "target_modules",
        "task_type",
        "use_rslora",
    }
)
"""Keys that plain LoRA may set; any other that says something makes it more than that."""
_BEGUN = (True, False, "gaussian", "orthogonal", "eva")
"""Ways to begin a training that leave the base as it is."""


def read(folder: Path) -> dict[str, tuple[torch.Tensor, torch.Tensor]] | None:
    """By layer the matrices A and B, the scale in B; None where the adapter is more than LoRA.

    Raises `InputError` where the files are no adapter.
    """
    adapters.checked(folder)
    config = json.loads((folder / "adapter_config.json").read_bytes())
    tensors = load_file(folder / "adapter_model.safetensors")
    if not _is_plain(config):
        return None
    found: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for key, first in tensors.items():
        name = key.removeprefix(_PREFIX).removesuffix(".lora_A.weight")
        if key.endswith(".lora_B.weight"):
            continue
        second = tensors.get(f"{_PREFIX}{name}.lora_B.weight")
        if key != f"{_PREFIX}{name}.lora_A.weight" or second is None or "experts" in name:
            return None
        found[name] = first, second * _scale(config, name, len(first))
    if not found:
        raise InputError("its adapter_model.safetensors holds no matrices of LoRA.")
    return found


# Below: private.


def _is_plain(config: Mapping[str, Any]) -> bool:
    if config.get("init_lora_weights", True) not in _BEGUN:
        return False
    if config.get("bias", "none") != "none":
        return False
    others = config.keys() - _PLAIN - {"bias", "init_lora_weights"}
    return not any(config[key] for key in others)


def _scale(config: Mapping[str, Any], name: str, rank: int) -> float:
    """By how much what an adapter says of a layer counts (rsLoRA: Kalajdzievski 2023)."""
    alpha = config.get("lora_alpha", 8)
    for pattern, own in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", name):
            alpha = own
            break
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
