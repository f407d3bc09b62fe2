"""Beginning a training with what another one left, in place of what the base model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file

from escalera.edges.training.saving import ADAPTER_WEIGHTS, TUNED_WEIGHTS
from escalera.errors import TrainingError


def begin(model: Any, folder: Path) -> frozenset[str]:
    """Put what the artifact in *folder* holds into *model*, which is prepared for its training.

    The names of the model's own weights that are others now than the base's: none for an adapter.
    Raises `TrainingError` where it is none for this model, or of another kind than is trained.
    """
    adapted = isinstance(model, PeftModel)
    file = folder / (ADAPTER_WEIGHTS if adapted else TUNED_WEIGHTS)
    try:
        found = load_file(file)
    except (OSError, SafetensorError) as error:
        kind = "adapter" if adapted else "weights of the model itself"
        raise TrainingError(
            f"the training was to go on from the artifact {folder.name!r}, and that holds no "
            f"{kind}: {error}. Restore it from a copy."
        ) from error
    own = _adapter(model) if adapted else dict(model.named_parameters())
    _require(found, own, folder.name, whole=adapted)
    if adapted:
        set_peft_model_state_dict(model, found)
        return frozenset()
    with torch.no_grad():
        for name, weight in found.items():
            own[name].copy_(weight)
    return frozenset(found)


# Below: private.


def _adapter(model: Any) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = get_peft_model_state_dict(model, save_embedding_layers=False)
    return state


def _require(
    found: dict[str, torch.Tensor], own: dict[str, torch.Tensor], artifact: str, *, whole: bool
) -> None:
    """All that was found has its place in the model; of an adapter, nothing is missing either."""
    strange = [n for n in found if n not in own or own[n].shape != found[n].shape]
    missing = [name for name in own if name not in found] if whole else []
    if strange or missing:
        raise TrainingError(
            f"the artifact {artifact!r} is none for this model: "
            f"{sorted([*strange, *missing])[:3]!r} differ in name or shape. Train with the base "
            "that it was made from."
        )
