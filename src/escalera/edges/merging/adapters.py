"""LoRA adapters merged as files: the model is not loaded.

An adapter changes a weight W to W + s B A with s = alpha / r. All methods are defined on these
products, never on A and B apart, whose average is not the average of the products:

concatenate  the weighted sum of the products, exactly: [w1 s1 B1 ... wk sk Bk] [A1; ...; Ak].
linear       the best approximation of that sum (Frobenius norm) whose rank is the largest rank
             of the inputs: QR of both factors, then the SVD of a small matrix, so that no full
             matrix is formed.
ties         TIES (Yadav et al. 2023, arXiv 2306.01708) on the weighted products of each module:
             keep the `density` largest entries by magnitude, elect the sign of their sum, average
             the kept entries that agree with it; then the best approximation of the largest rank.
             With equal weights, these are the paper's lambda.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn import functional

from escalera.domain.recipe import MergePlan
from escalera.errors import MergeError

Factors = tuple[torch.Tensor, torch.Tensor]
"""B (outputs x rank) and A (rank x inputs)."""

_WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
_KEPT = frozenset({"target_modules", "r", "lora_alpha", "base_model_name_or_path", "peft_type"})
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


class AdapterMerger:
    """Merges PEFT LoRA folders of one base model."""

    def merge(self, plan: MergePlan, adapters: Sequence[Path], *, into: Path) -> None:
        """Merge the adapters of *plan* (folders in its order) into the empty folder *into*."""
        _require_usable(plan, adapters)
        inputs = [
            _read(folder, weight=entry.weight)
            for folder, entry in zip(adapters, plan.adapters, strict=True)
        ]
        _require_alike(inputs)
        combine = _METHODS[plan.method]
        merged = {
            module: combine([item.weighted(module, to=inputs[0]) for item in inputs], plan.density)
            for module in inputs[0].modules
        }
        _write(merged, inputs[0], into)


# The methods: weighted factors of one module in, factors out


def _concatenate(factors: Sequence[Factors], _density: float) -> Factors:
    return torch.cat([b for b, _ in factors], 1), torch.cat([a for _, a in factors], 0)


def _linear(factors: Sequence[Factors], density: float) -> Factors:
    left, right = _concatenate(factors, density)
    left_basis, left_small = torch.linalg.qr(left.double())
    right_basis, right_small = torch.linalg.qr(right.double().T)
    outer, values, inner = torch.linalg.svd(left_small @ right_small.T)
    rank = min(_largest_rank(factors), len(values))
    roots = values[:rank].sqrt()
    return left_basis @ outer[:, :rank] * roots, (inner[:rank] * roots[:, None]) @ right_basis.T


def _ties(factors: Sequence[Factors], density: float) -> Factors:
    kept = torch.stack([_trimmed(b.double() @ a.double(), density) for b, a in factors])
    sign = kept.sum(0).sign()
    agree = (kept.sign() == sign) & (kept != 0)
    merged = (kept * agree).sum(0) / agree.sum(0).clamp(min=1)
    return _best_approximation(merged, _largest_rank(factors))


_METHODS: Mapping[str, Callable[[Sequence[Factors], float], Factors]] = {
    "concatenate": _concatenate,
    "linear": _linear,
    "ties": _ties,
}


def _trimmed(product: torch.Tensor, density: float) -> torch.Tensor:
    """Zero all but the largest entries by magnitude; entries equal to the smallest kept stay."""
    keep = math.ceil(density * product.numel())
    sizes = product.abs()
    threshold = sizes.flatten().kthvalue(product.numel() - keep + 1).values
    return product * (sizes >= threshold)


def _best_approximation(matrix: torch.Tensor, rank: int) -> Factors:
    """Project on the leading singular vectors of the shorter side (Eckart and Young 1936)."""
    wide = matrix.shape[0] <= matrix.shape[1]
    short = matrix if wide else matrix.T
    _, vectors = torch.linalg.eigh(short @ short.T)  # ascending
    basis = vectors[:, -rank:].flip(1)
    rest = basis.T @ short
    return (basis, rest) if wide else (rest.T, basis.T)


def _largest_rank(factors: Sequence[Factors]) -> int:
    return max(a.shape[0] for _, a in factors)


# Reading, refusing, writing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Adapter:
    name: str
    config: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor]
    weight: float

    @property
    def scale(self) -> float:
        return float(self.config["lora_alpha"]) / float(self.config["r"])

    @property
    def modules(self) -> tuple[str, ...]:
        ends = ".lora_A.weight"
        return tuple(sorted(key.removesuffix(ends) for key in self.tensors if key.endswith(ends)))

    def factors(self, module: str) -> Factors:
        b = self.tensors[f"{module}.lora_B.weight"]
        return b, self.tensors[f"{module}.lora_A.weight"]

    def weighted(self, module: str, *, to: _Adapter) -> Factors:
        """Weight and scale folded into B, so that the scale of *to* gives the right product.

        An adapter of that scale with weight 1 passes through bit by bit.
        """
        b, a = self.factors(module)
        return b.float() * (self.weight * (self.scale / to.scale)), a.float()


def _require_usable(plan: MergePlan, adapters: Sequence[Path]) -> None:
    if not plan.adapters or len(plan.adapters) != len(adapters):
        raise MergeError(
            f"the plan names {len(plan.adapters)} adapters and {len(adapters)} folders were given. "
            "Give at least one, and as many folders as adapters."
        )
    if not 0 < plan.density <= 1:
        raise MergeError(f"density is {plan.density!r}. It is a share: above 0 and at most 1.")
    for entry in plan.adapters:
        if not math.isfinite(entry.weight):
            raise MergeError(f"a weight is {entry.weight!r}. Weights are finite numbers.")


def _read(folder: Path, *, weight: float) -> _Adapter:
    try:
        config = json.loads((folder / _CONFIG).read_bytes())
        tensors = load_file(folder / _WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise MergeError(
            f"the adapter {folder.name!r} cannot be read: {error}. "
            f"A LoRA adapter of PEFT is a folder with {_CONFIG} and {_WEIGHTS}."
        ) from error
    _require_plain(folder.name, config, tensors)
    return _Adapter(name=folder.name, config=config, tensors=tensors, weight=weight)


def _require_plain(name: str, config: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
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
    if strange := sorted(key for key in tensors if not key.endswith(parts)):
        raise MergeError(
            f"the adapter {name!r} holds {strange[0]!r}, which is no LoRA factor of a linear "
            "layer. Train it without modules_to_save, bias and embeddings."
        )


def _require_alike(inputs: Sequence[_Adapter]) -> None:
    first = inputs[0]
    for other in inputs[1:]:
        if other.config.get("base_model_name_or_path") != first.config.get(
            "base_model_name_or_path"
        ):
            raise MergeError(
                f"{first.name!r} was trained for {first.config.get('base_model_name_or_path')!r}, "
                f"{other.name!r} for {other.config.get('base_model_name_or_path')!r}. "
                "Merge adapters of one base model."
            )
        if set(other.tensors) != set(first.tensors):
            odd = sorted(set(other.tensors) ^ set(first.tensors))[0]
            raise MergeError(
                f"{first.name!r} and {other.name!r} change different modules: only one of them "
                f"has {odd!r}. Train both with the same targets."
            )
        for module in first.modules:
            if _shape(other, module) != _shape(first, module):
                raise MergeError(
                    f"{module!r} is {_shape(first, module)} in {first.name!r} and "
                    f"{_shape(other, module)} in {other.name!r}. Merge adapters of one base model."
                )


def _shape(adapter: _Adapter, module: str) -> tuple[int, int]:
    b, a = adapter.factors(module)
    return b.shape[0], a.shape[1]


def _write(merged: Mapping[str, Factors], like: _Adapter, into: Path) -> None:
    """Write the factors with the scale of the first input."""
    rank = max(a.shape[0] for _, a in merged.values())
    tensors = {}
    for module, (b, a) in merged.items():
        missing = rank - a.shape[0]  # PEFT expects one rank everywhere: zeros change nothing
        tensors[f"{module}.lora_A.weight"] = functional.pad(a.float(), (0, 0, 0, missing))
        tensors[f"{module}.lora_B.weight"] = functional.pad(b.float(), (0, missing))
    tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
    save_file(tensors, into / _WEIGHTS, metadata={"format": "pt"})
    alpha = like.config["lora_alpha"] * rank / like.config["r"]
    config = dict(like.config)
    config |= {"r": rank, "lora_alpha": int(alpha) if alpha == int(alpha) else alpha}
    config["target_modules"] = _sorted(config.get("target_modules"))
    text = json.dumps(config, indent=2, sort_keys=True)
    (into / _CONFIG).write_text(text + "\n", encoding="utf-8")


def _sorted(targets: Any) -> Any:
    return sorted(targets) if isinstance(targets, list) else targets
