"""Adapters of a loaded model, switched on and off: LoRA layers, or weights in place of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file

from escalera.core.prompts import chat_form
from escalera.domain.left_files import HOSTED_FILE
from escalera.domain.message import Message
from escalera.edges.model_loading import LOADING, unalarmed
from escalera.errors import InputError

HELD = 16
"""Adapters that stay in memory: a race of merges makes dozens, and leaves most of them behind."""

TUNED = "tuned_weights.safetensors"
_PROBES = "prompt_tokens.json"


class Adapters:
    """Which adapter a model answers with is state of the model: one at a time.

    The last `HELD` that were used stay in memory; one that is asked for again is loaded again.
    """

    def __init__(self, model: Any, prompt: Callable[[Sequence[Message]], tuple[int, ...]]) -> None:
        self._model = model
        self._prompt = prompt
        self._own = dict(model.named_parameters())  # before PEFT renames them
        self._adapted: Any = None
        self._loaded: dict[str, None] = {}  # the last used last
        self._tuned: dict[str, dict[str, torch.Tensor]] = {}
        self._replaced: dict[str, torch.Tensor] = {}
        self._active: str | None = None

    def use(self, adapter: str | None, folder: Callable[[], Path]) -> None:
        """Answer with *adapter* from now on; *folder* is asked where it is not in memory.

        Raises `InputError`, `OSError`, `RuntimeError` or `ValueError` for what cannot be used; the
        model then answers as before.
        """
        if adapter == self._active:
            return
        if adapter is not None:
            if adapter not in self._loaded:
                self._load(adapter, folder())
            self._loaded[adapter] = self._loaded.pop(adapter, None)
        self._leave()
        if adapter in self._tuned:
            self._replace(self._tuned[adapter])
        elif adapter is not None:
            self._adapted.base_model.enable_adapter_layers()
            self._adapted.set_adapter(adapter, inference_mode=True)
        self._active = adapter
        while len(self._loaded) > HELD:
            self._forget(next(iter(self._loaded)))

    # Private

    def _leave(self) -> None:
        """Back to the base model."""
        if self._adapted is not None:
            self._adapted.base_model.disable_adapter_layers()
        with torch.no_grad():
            for name, weight in self._replaced.items():
                self._own[name].copy_(weight)
        self._replaced.clear()
        self._active = None

    def _replace(self, weights: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, weight in weights.items():
                self._replaced[name] = self._own[name].detach().clone()
                self._own[name].copy_(weight)

    def _load(self, adapter: str, folder: Path) -> None:
        require_parity(folder, self._prompt)
        if (folder / TUNED).is_file():
            self._tuned[adapter] = weights(folder / TUNED, self._own)
        else:
            self._load_layers(adapter, checked(folder))
        self._loaded[adapter] = None

    def _forget(self, adapter: str) -> None:
        del self._loaded[adapter]
        if self._tuned.pop(adapter, None) is None:
            self._adapted.delete_adapter(adapter)

    def _load_layers(self, adapter: str, folder: Path) -> None:
        self._leave()  # PEFT adds layers to the base model
        with LOADING, unalarmed():
            if self._adapted is None:
                self._adapted = PeftModel.from_pretrained(self._model, folder, adapter).eval()
            else:
                self._adapted.load_adapter(folder, adapter)
            self._adapted.base_model.disable_adapter_layers()


def require_parity(folder: Path, prompt: Callable[[Sequence[Message]], tuple[int, ...]]) -> None:
    """Raise `InputError` for an adapter that was taught other tokens than it will be asked.

    It has learned another task then.
    """
    file = folder / _PROBES
    if not file.is_file():
        return
    taught = [tuple(tokens) for tokens in json.loads(file.read_bytes())]
    asked = [prompt(probe) for probe in chat_form.PROBES]
    if taught != asked:
        raise InputError(
            "it was trained with another chat template or tokenizer: the same conversation "
            "is told with other tokens here."
        )


def weights(file: Path, own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights in place of a model's *own*. Raises `InputError` for one that it does not have."""
    found = load_file(file)
    for name, weight in found.items():
        if name not in own or own[name].shape != weight.shape:
            raise InputError(
                f"its weight {name!r} of shape {list(weight.shape)!r} is none of this model's."
            )
    return found


def checked(folder: Path) -> Path:
    """The folder, when it holds a LoRA adapter as safetensors."""
    if (folder / HOSTED_FILE).is_file():
        raise InputError("it stands for a model that a provider finetuned, which answers there.")
    if not (folder / "adapter_model.safetensors").is_file():
        raise InputError("it has no adapter_model.safetensors.")
    kind = json.loads((folder / "adapter_config.json").read_bytes()).get("peft_type")
    if kind != "LORA":
        raise InputError(f"its peft_type is {kind!r}, not 'LORA'.")
    return folder
