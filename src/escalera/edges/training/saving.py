"""What a training leaves: an adapter in PEFT's form, or the weights of the model that changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file

from escalera.domain.levers import Trainable
from escalera.edges.training.weights import Learning
from escalera.errors import TrainingError

ADAPTER_WEIGHTS = "adapter_model.safetensors"
TUNED_WEIGHTS = "tuned_weights.safetensors"
TUNED_CONFIG = "tuned_config.json"
PROMPT_TOKENS = "prompt_tokens.json"


def save_probes(tokens: Sequence[Sequence[int]], into: Path) -> None:
    """Write how the training told the conversations of `PROBES`, for serving to compare."""
    (into / PROMPT_TOKENS).write_text(json.dumps([list(one) for one in tokens]) + "\n")


def save(model: Any, weights: Learning, trainable: Trainable, *, base: str, into: Path) -> None:
    """Write what was learned into *into*: sorted, and without a path of this machine.

    Weights of the model's own (partial, full and merged trainings) are written under their names
    in the model, only those that changed: served, they take the place of the model's. Raises
    `TrainingError` where the disk does not hold it.
    """
    try:
        if not isinstance(model, PeftModel):
            _save_weights(dict(weights), trainable, base=base, into=into)
        elif trainable.merged:
            _save_weights(_merged(model), trainable, base=base, into=into)
        else:
            _save_adapter(model, base, into)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"what was learned cannot be written into {str(into)!r}: {error}. Make room on the "
            "disk and start again: the training goes on from its last checkpoint."
        ) from error


# Below: private.


def _save_adapter(model: Any, base: str, into: Path) -> None:
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    contiguous = {key: weights[key].contiguous() for key in sorted(weights)}
    save_file(contiguous, into / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": base, "inference_mode": True}
    _write(into / "adapter_config.json", config)


def _merged(model: Any) -> dict[str, torch.Tensor]:
    """The weights below the adapters, with these folded in; *model* stays as it is."""
    touched = {  # a layer of PEFT is around a module, or around one weight of it (experts)
        f"{name}.{getattr(module, 'parameter_name', 'weight')}".replace(
            ".token_adapter", ""
        ).replace(".base_layer", "")
        for name, module in model.get_base_model().named_modules()
        if hasattr(module, "base_layer")
    }
    plain = copy.deepcopy(model).merge_and_unload(safe_merge=True)
    return {name: weight for name, weight in plain.named_parameters() if name in touched}


def _save_weights(
    weights: dict[str, torch.Tensor], trainable: Trainable, *, base: str, into: Path
) -> None:
    found = {name: weights[name].detach().contiguous() for name in sorted(weights)}
    save_file(found, into / TUNED_WEIGHTS, metadata={"format": "pt"})
    config = {"base_model_name_or_path": base, "method": trainable.method, "weights": len(found)}
    _write(into / TUNED_CONFIG, config)


def _write(file: Path, config: dict[str, Any]) -> None:
    text = json.dumps(config, indent=2, sort_keys=True, default=sorted)  # PEFT has sets
    file.write_text(text + "\n", encoding="utf-8")
