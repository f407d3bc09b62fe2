"""How the output's tensors lie in files: safetensors shards with their headers and an index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from escalera.core.merging.compiling import TensorTask
from escalera.core.merging.numbers import STORED


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file: what it begins with, and where in it each task's bytes go."""

    name: str
    head: bytes
    places: tuple[tuple[int, int], ...]
    """Number of the task and first byte, in the order of the file."""
    length: int


def lay_out(tasks: Sequence[TensorTask], *, limit: int) -> tuple[Shard, ...]:
    """Files of at most *limit* bytes of tensors each, unless a single tensor is longer."""
    groups: list[list[int]] = [[]]
    filled = 0
    for number, task in enumerate(tasks):
        if groups[-1] and filled + task.bytes > limit:
            groups.append([])
            filled = 0
        groups[-1].append(number)
        filled += task.bytes
    count = len(groups)
    return tuple(
        _shard(_name(place, count), tasks, group) for place, group in enumerate(groups, start=1)
    )


def index(tasks: Sequence[TensorTask], shards: Sequence[Shard]) -> dict[str, Any]:
    """What `model.safetensors.index.json` says: which file holds a tensor."""
    where = {tasks[number].name: shard.name for shard in shards for number, _ in shard.places}
    return {
        "metadata": {"total_size": sum(task.bytes for task in tasks)},
        "weight_map": dict(sorted(where.items())),
    }


# Below: private.


def _name(place: int, count: int) -> str:
    return "model.safetensors" if count == 1 else f"model-{place:05d}-of-{count:05d}.safetensors"


def _shard(name: str, tasks: Sequence[TensorTask], group: Sequence[int]) -> Shard:
    # Wider numbers first, so that all lie at multiples of their width.
    ordered = sorted(group, key=lambda number: -_width(tasks[number].kind))
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    places, end = [], 0
    for number in ordered:
        task = tasks[number]
        header[task.name] = {
            "dtype": task.kind,
            "shape": list(task.shape),
            "data_offsets": [end, end + task.bytes],
        }
        places.append((number, end))
        end += task.bytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    head = len(text).to_bytes(8, "little") + text
    moved = tuple((number, len(head) + begin) for number, begin in places)
    return Shard(name=name, head=head, places=moved, length=len(head) + end)


def _width(kind: str) -> int:
    return STORED[kind].itemsize if kind in STORED else 8
