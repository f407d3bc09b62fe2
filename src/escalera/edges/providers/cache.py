"""A key-value cache with room to grow: a step writes in place instead of copying the past.

Transformers' own layer concatenates: measured on a model of 1.4 M parameters, 13 % of a unit's CPU
time, and more while other processes use the memory.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

_SLACK = 32
"""Tokens of room beyond what is needed; the past is copied once in so many steps."""


def roomy_cache(config: Any) -> DynamicCache:
    """Return a cache for the model; layers of other kinds (sliding windows) stay as they are."""
    cache = DynamicCache(config=config)
    cache.layers = [
        RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def can_share_prefix(cache: DynamicCache) -> bool:
    """Whether padding may stand between a shared prefix and the rest of each prompt.

    Full attention masks it. Sliding windows count it as tokens, and recurrent states run over it.
    """
    return all(isinstance(layer, RoomyLayer) for layer in cache.layers)


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values as views of larger tensors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._room: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append, and return everything so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        past = self.get_seq_length()
        length = past + key_states.shape[-2]
        if self._room is None or length > self._room[0].shape[-2]:
            self._room = (
                _moved(self.keys, key_states, past, length),
                _moved(self.values, value_states, past, length),
            )
        keys, values = self._room
        keys[..., past:length, :] = key_states
        values[..., past:length, :] = value_states
        self.keys, self.values = keys[..., :length, :], values[..., :length, :]
        return self.keys, self.values

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat one row without copying it: the next update writes the rows apart."""
        self._room = None
        if self.keys is not None and self.values is not None:
            self.keys = self.keys.expand(repeats, -1, -1, -1)
            self.values = self.values.expand(repeats, -1, -1, -1)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows only."""
        self._room = None
        super().batch_select_indices(indices)


def _moved(old: torch.Tensor | None, new: torch.Tensor, past: int, length: int) -> torch.Tensor:
    """A tensor with room beyond `length` that begins with the past."""
    rows, heads, _, width = new.shape
    room = new.new_empty(rows, heads, length + _SLACK, width)
    if old is not None and past:
        room[..., :past, :] = old
    return room
