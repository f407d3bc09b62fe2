"""The adapters that a served model holds: loaded beside the model's thread, dropped when unused.

LoRA adapters share every pass. What replaces weights of the model (partial and full finetuning) or
is more than LoRA (DoRA, trained biases or modules) is held as the weights that differ, and its rows
are run in passes of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from escalera.edges.model_loading import LOADING, unalarmed
from escalera.edges.providers import adapters, local_model, lora_file
from escalera.edges.providers.batched_lora import BatchedLora
from escalera.edges.providers.local_model import LocalModel
from escalera.errors import AdapterUnusable, EvidenceMissing, InputError


@dataclass(slots=True, kw_only=True, eq=False)
class Lane:
    """An adapter as passes use it: its number among LoRA adapters, or weights in place of others.

    `bytes` is what it holds in memory, and `users` how many rows answer with it now.
    """

    number: int | None = None
    weights: Mapping[str, torch.Tensor] | None = None
    bytes: int = 0
    users: int = 0


BASE = Lane()
"""The model as it is."""


class ServedAdapters:
    """Adapters by name. Those that no row uses are dropped, the longest unused first, once all
    together hold more than *most* bytes.
    """

    def __init__(
        self,
        model: LocalModel,
        *,
        name: str,
        base: Path,
        folder: Callable[[str], Path],
        most: int,
    ) -> None:
        self._model = model
        self._name = name
        self._base = base
        self._folder = folder
        self._most = most
        self._own = dict(model.network.named_parameters())
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self.lora = BatchedLora(model.network)

    def lend(self, adapter: str | None) -> Lane | None:
        """The adapter for one more row; None where it has to be loaded first."""
        if adapter is None:
            return BASE
        with self._lock:
            lane = self._lanes.pop(adapter, None)
            if lane is not None:
                self._lanes[adapter] = lane  # the last used last
                lane.users += 1
        return lane

    def give_back(self, lane: Lane) -> None:
        """A row does not use it any more."""
        if lane is not BASE:
            with self._lock:
                lane.users -= 1

    def load(self, adapter: str) -> Lane:
        """Load an adapter for one row, in one thread at a time. Raises `AdapterUnusable`."""
        lane = self.lend(adapter)
        if lane is not None:
            return lane
        try:
            lane = self._loaded(self._folder(adapter))
        except (EvidenceMissing, InputError, OSError, RuntimeError, ValueError) as error:
            raise AdapterUnusable(
                f"the adapter {adapter!r} cannot be used with this model: {error}",
                provider=self._name,
                hint="Restore its folder, or the model, from a copy, or train it anew.",
            ) from error
        with self._lock:
            lane.users = 1
            self._lanes[adapter] = lane
            self._drop_unused()
        return lane

    @property
    def held(self) -> int:
        """Bytes that all adapters hold."""
        return sum(lane.bytes for lane in self._lanes.values())

    # Private

    def _loaded(self, folder: Path) -> Lane:
        adapters.require_parity(folder, self._model.prompt)
        if (folder / adapters.TUNED).is_file():
            return self._weights(adapters.weights(folder / adapters.TUNED, self._own))
        matrices = lora_file.read(folder)
        head = self._model.network.get_output_embeddings()
        if matrices is None or any(
            self._model.network.get_submodule(name) is head for name in matrices
        ):
            return self._weights(self._merged(folder))
        held = sum(one.numel() * one.element_size() for pair in matrices.values() for one in pair)
        return Lane(number=self.lora.put(matrices), bytes=held)

    def _weights(self, found: Mapping[str, torch.Tensor]) -> Lane:
        held = {name: weight.to(self._own[name]) for name, weight in found.items()}
        size = sum(weight.numel() * weight.element_size() for weight in held.values())
        return Lane(weights=held, bytes=size)

    def _merged(self, folder: Path) -> dict[str, torch.Tensor]:
        """The weights that differ once PEFT has merged an adapter into a fresh copy of the base."""
        like = next(iter(self._own.values()))
        dtype = str(like.dtype).removeprefix("torch.")
        with LOADING, unalarmed():
            fresh = local_model.load_network(self._base, "cpu", dtype)
            merged: Any = PeftModel.from_pretrained(fresh, folder).merge_and_unload()
        found = dict(merged.named_parameters())
        if found.keys() - self._own.keys():
            raise InputError("it adds layers to the model, and these cannot be merged into it.")
        return {
            name: weight.detach()
            for name, weight in found.items()
            if not torch.equal(weight.to(like.device), self._own[name])
        }

    def _drop_unused(self) -> None:
        for adapter, lane in list(self._lanes.items()):
            if self.held <= self._most:
                return
            if lane.users == 0:
                del self._lanes[adapter]
                if lane.number is not None:
                    self.lora.drop(lane.number)
