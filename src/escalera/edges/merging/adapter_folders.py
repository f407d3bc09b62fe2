"""LoRA adapters as folders: read, checked against each other, and written in PEFT's form."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from blake3 import blake3

from escalera.core.merging import numbers
from escalera.core.merging.low_rank import Factors
from escalera.core.merging.numbers import STORED, Floats, Kind
from escalera.domain.left_files import HOSTED_FILE
from escalera.edges.merging import weights
from escalera.edges.merging.weights import WeightsFile
from escalera.errors import MergeError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_KEPT = frozenset(
    {"target_modules", "r", "lora_alpha", "base_model_name_or_path", "peft_type", "use_rslora"}
)
_HARMLESS = frozenset(
    {
        "auto_mapping",
        "ensure_weight_tying",
        "exclude_modules",
        "fan_in_fan_out",
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
        "task_type",
    }
)
"""Keys that do not change what B and A mean; any other key must say "off"."""
_OFF: tuple[Any, ...] = (None, False, {}, [], "none")
_PLAIN_START: tuple[Any, ...] = (None, True, False, "gaussian")
"""Other ways to initialise LoRA change the base weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapter:
    """A LoRA adapter in memory."""

    name: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Floats]

    @property
    def rank(self) -> int:
        """Its rank, as its configuration says."""
        return int(self.config["r"])

    @property
    def scale(self) -> float:
        """What B A is multiplied by: alpha / r, or alpha / sqrt(r) (Kalajdzievski 2023)."""
        by = math.sqrt(self.rank) if self.config.get("use_rslora") else self.rank
        return float(self.config["lora_alpha"]) / by

    @property
    def modules(self) -> tuple[str, ...]:
        """The layers that it changes."""
        ends = ".lora_A.weight"
        return tuple(sorted(key.removesuffix(ends) for key in self.tensors if key.endswith(ends)))

    def factors(self, module: str, factor: float = 1.0) -> Factors:
        """B times *factor*, and A, in double precision."""
        b = self.tensors[f"{module}.lora_B.weight"].astype(np.float64)
        return b * factor, self.tensors[f"{module}.lora_A.weight"].astype(np.float64)

    def shape(self, module: str) -> tuple[int, int]:
        """Outputs and inputs of a layer."""
        b = self.tensors[f"{module}.lora_B.weight"]
        return b.shape[0], self.tensors[f"{module}.lora_A.weight"].shape[1]


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter rather than a model."""
    return os.path.isfile(folder / CONFIG)  # noqa: PTH113  a folder that may not be read is none


def read(folder: Path) -> Adapter:
    """A LoRA adapter. Raises `MergeError` for what is none, or cannot be merged exactly."""
    config = _config(folder)
    try:
        with WeightsFile(folder / WEIGHTS) as file:
            _require_plain(folder.name, config, file)
            tensors = {
                name: numbers.as_floats(file.numbers(name), cast("Kind", entry.kind)).reshape(
                    entry.shape
                )
                for name, entry in file.entries.items()
            }
    except MergeError as error:
        if not (folder / WEIGHTS).is_file():
            raise _unreadable(folder, f"it has no {WEIGHTS}") from error
        raise
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise MergeError(
                f"the adapter {folder.name!r} holds numbers in {name!r} that are not finite, so "
                "its training went wrong. Leave it out, or train it anew."
            )
    return Adapter(name=folder.name, config=config, tensors=tensors)


def require_alike(inputs: Sequence[Adapter]) -> None:
    """Raise `MergeError` where adapters are of different models or change different layers."""
    first = inputs[0]
    for other in inputs[1:]:
        one, two = (a.config.get("base_model_name_or_path") for a in (first, other))
        if one != two:
            raise MergeError(
                f"{first.name!r} was trained for {one!r}, {other.name!r} for {two!r}. "
                "Merge adapters of one base model."
            )
        if set(other.tensors) != set(first.tensors):
            odd = sorted(set(other.tensors) ^ set(first.tensors))[0]
            raise MergeError(
                f"{first.name!r} and {other.name!r} change different modules: only one of them "
                f"has {odd!r}. Train both with the same targets."
            )
        for module in first.modules:
            if other.shape(module) != first.shape(module):
                raise MergeError(
                    f"{module!r} is {first.shape(module)} in {first.name!r} and "
                    f"{other.shape(module)} in {other.name!r}. Merge adapters of one base model."
                )


def copy(folder: Path, into: Path) -> None:
    """An adapter as it is, whatever it is."""
    _config(folder)
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise _unreadable(folder, f"it has no {name}")
    WeightsFile(folder / WEIGHTS).close()  # raises where it is broken
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(folder / name, into / name)


def digest(folder: Path) -> str:
    """Content hash of an adapter's weights and configuration."""
    parts = [blake3((folder / name).read_bytes()).digest() for name in (WEIGHTS, CONFIG)]
    return blake3(b"".join(parts)).hexdigest()


def write(merged: Mapping[str, Factors], like: Adapter, into: Path) -> None:
    """Write factors to which the scale of *like* belongs, at one rank: zeros change nothing."""
    rank = max(a.shape[0] for _, a in merged.values())
    tensors = {}
    for module, (b, a) in sorted(merged.items()):
        missing = rank - a.shape[0]
        tensors[f"{module}.lora_A.weight"] = np.pad(a, ((0, missing), (0, 0)))
        tensors[f"{module}.lora_B.weight"] = np.pad(b, ((0, 0), (0, missing)))
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    weights.write(into / WEIGHTS, shapes, lambda name: tensors[name].astype(np.float32))
    config = dict(like.config)
    if rank != like.rank:
        alpha = like.scale * rank
        config |= {"r": rank, "lora_alpha": int(alpha) if alpha == int(alpha) else alpha}
        config |= {"use_rslora": False} if config.get("use_rslora") else {}
    targets = config.get("target_modules")
    config["target_modules"] = sorted(targets) if isinstance(targets, list) else targets
    text = json.dumps(config, indent=2, sort_keys=True)
    (into / CONFIG).write_text(text + "\n", encoding="utf-8")


# Below: private.


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError) as error:
        if (folder / HOSTED_FILE).is_file():
            raise MergeError(
                f"{folder.name!r} stands for a model that a provider finetuned: its weights are "
                "not here, and cannot be merged. Use it as it is, behind a route."
            ) from error
        raise _unreadable(folder, str(error)) from error
    if not isinstance(config, dict):
        raise _unreadable(folder, f"{CONFIG} holds no JSON object")
    return config


def _unreadable(folder: Path, problem: str) -> MergeError:
    return MergeError(
        f"the adapter {folder.name!r} cannot be read: {problem}. "
        f"A LoRA adapter of PEFT is a folder with {CONFIG} and {WEIGHTS}."
    )


def _require_plain(name: str, config: Mapping[str, Any], file: WeightsFile) -> None:
    """Refuse by name what makes the change of a weight something else than s B A."""
    if config.get("peft_type") != "LORA":
        raise MergeError(
            f"the adapter {name!r} is of type {config.get('peft_type')!r}. "
            "Only LoRA adapters can be merged."
        )
    for key in sorted(set(config) - _KEPT - _HARMLESS):
        if config[key] not in (_PLAIN_START if key == "init_lora_weights" else _OFF):
            raise MergeError(
                f"the adapter {name!r} uses {key}={config[key]!r}, which cannot be merged exactly. "
                "Train it as plain LoRA."
            )
    parts = (".lora_A.weight", ".lora_B.weight")
    if strange := sorted(key for key in file.entries if not key.endswith(parts)):
        raise MergeError(
            f"the adapter {name!r} holds {strange[0]!r}, which is no LoRA factor of a linear "
            "layer. Train it without modules_to_save, bias and embeddings."
        )
    for key, entry in file.entries.items():
        if entry.kind not in STORED or len(entry.shape) != 2:
            raise MergeError(
                f"the adapter {name!r} holds {key!r} as {entry.kind} of shape {entry.shape}. "
                f"A factor is a matrix of {', '.join(STORED)}."
            )
        if (rank := entry.shape[key.endswith(parts[1])]) != config.get("r"):
            raise MergeError(
                f"the adapter {name!r} holds {key!r} at rank {rank}, and its {CONFIG} says "
                f"r = {config.get('r')!r}. Fetch or save both files again."
            )
