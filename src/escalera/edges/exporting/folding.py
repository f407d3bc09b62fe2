"""A base model with what was learned folded into its weights, checked by its logits.

The sums are made in float32 and stored in the precision of the base. What was written is read
again, and has to say of fixed conversations what base and artifact say together: a folded model
that differs is not an export of what was measured.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from escalera.edges.model_loading import LOADING, UNLOADABLE, unalarmed
from escalera.errors import InputError

TUNED = "tuned_weights.safetensors"
TOLERANCES = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""How far a logit may be off, as a share of the largest, by the precision that is stored."""
_CARRIED = ("*.jinja", "*.model", "*.txt", "generation_config.json", "*token*.json", "vocab.json")
"""Files of the base that go with its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A folded model: its precision, and how far its logits are off, as a share of the largest."""

    precision: str
    difference: float
    tolerance: float


def fold(base: Path, artifact: Path, probes: Sequence[Sequence[int]], *, into: Path) -> Folded:
    """Write *base* with *artifact* folded in to the folder *into*, and compare it on *probes*.

    Raises `InputError` where a model cannot be loaded, the artifact is none for it, or what was
    written differs by more than the tolerance.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        stored = _precision(base)
        model = _load(base)
        together = _with(model, artifact)
        wanted = _logits(together, probes)
        plain = together.merge_and_unload(safe_merge=True) if together is not model else model
        plain.to(stored).save_pretrained(into)
        for pattern in _CARRIED:
            for file in base.glob(pattern):
                shutil.copyfile(file, into / file.name)
        for file in into.glob("*.safetensors"):  # written for their owner's eyes alone
            file.chmod((into / "config.json").stat().st_mode)
        difference = _furthest(wanted, _logits(_load(into), probes))
    except (*UNLOADABLE, RuntimeError) as error:
        raise InputError(
            f"{base.name!r} cannot be folded with {artifact.name[:12]!r}: {error}"
        ) from error
    if not difference <= TOLERANCES[stored]:
        raise InputError(
            f"the folded model's logits are off by {difference:.2%} of the largest, and "
            f"{TOLERANCES[stored]:.2%} is what {stored} explains: it would not answer as what was "
            "measured. Export it as `peft`"
        )
    return Folded(
        precision=str(stored).removeprefix("torch."),
        difference=difference,
        tolerance=TOLERANCES[stored],
    )


# Below: private.


def _precision(base: Path) -> torch.dtype:
    found = AutoConfig.from_pretrained(base, trust_remote_code=False).dtype
    return found if found in TOLERANCES else torch.float32


def _load(folder: Path) -> Any:
    with LOADING:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
    return model.eval()


def _with(model: Any, artifact: Path) -> Any:
    """The model with what was learned: matrices beside its weights, or weights in their place."""
    if not (artifact / TUNED).is_file():
        with LOADING, unalarmed():
            found: Any = PeftModel.from_pretrained(model, artifact)
            return found.eval()
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in load_file(artifact / TUNED).items():
            if name not in own or own[name].shape != weight.shape:
                raise ValueError(f"its weight {name!r} is none of this model's")
            own[name].copy_(weight)
    return model


def _logits(model: Any, probes: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    with torch.no_grad():
        return [model(torch.tensor([list(probe)])).logits[0].float().clone() for probe in probes]


def _furthest(wanted: Sequence[torch.Tensor], found: Sequence[torch.Tensor]) -> float:
    """The largest difference, as a share of the largest logit; NaN where there is one."""
    worst = max(float((one - two).abs().max()) for one, two in zip(wanted, found, strict=True))
    return worst / max(float(one.abs().max()) for one in wanted)


def require_adapter(artifact: Path) -> None:
    """Raise `InputError` unless *artifact* is a PEFT adapter."""
    config = artifact / "adapter_config.json"
    if not config.is_file() or "peft_type" not in json.loads(config.read_bytes()):
        raise InputError(
            "what was learned are weights of the model itself, which is no PEFT adapter: export it "
            "as `merged`"
        )
