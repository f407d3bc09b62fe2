"""Checkpoints of a training: what is needed to go on as if nothing had happened.

Trained weights and the optimizer's moments in safetensors, step and curve beside them. There is no
random state to keep: the order of the batches is a function of the seed, and LoRA has no dropout.
So a training that was killed and continued gives the same adapter, bit for bit.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from escalera.domain.recipe import LossPoint

SECONDS = 10.0
"""Between two checkpoints."""

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class Checkpoint:
    """The checkpoint of one recipe: one file, replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "state.safetensors"

    def save(
        self,
        weights: Sequence[torch.nn.Parameter],
        optimizer: torch.optim.Optimizer,
        curve: Sequence[LossPoint],
    ) -> None:
        """Keep everything after the last step of *curve*, durably."""
        self._folder.mkdir(parents=True, exist_ok=True)
        tensors = {}
        for number, weight in enumerate(weights):
            tensors[f"{number}.weight"] = weight.detach().contiguous()
            for name in _MOMENTS:
                tensors[f"{number}.{name}"] = optimizer.state[weight][name]
        losses = json.dumps([[point.step, point.loss] for point in curve])
        new = self._file.with_suffix(".new")
        save_file(tensors, new, metadata={"curve": losses})
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(self._file)

    def restore(
        self, weights: Sequence[torch.nn.Parameter], optimizer: torch.optim.Optimizer
    ) -> list[LossPoint]:
        """Put weights and moments back and return the curve so far; empty without a checkpoint.

        A file that cannot be read is as good as none: the training starts from the beginning.
        """
        if not self._file.exists():
            return []
        try:
            with safe_open(self._file, framework="pt") as kept:
                curve = json.loads(kept.metadata()["curve"])
                tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, KeyError, TypeError):
            return []
        with torch.no_grad():
            for number, weight in enumerate(weights):
                weight.copy_(tensors[f"{number}.weight"])
                optimizer.state[weight] = {
                    name: tensors[f"{number}.{name}"].clone() for name in _MOMENTS
                }
        return [LossPoint(step=step, loss=loss) for step, loss in curve]

    def drop(self) -> None:
        """Forget it: the adapter is there."""
        shutil.rmtree(self._folder, ignore_errors=True)
