"""Curves that are measured once and kept: every training's score on every held-out item.

A resample draws the held-out rows and all the data anew. A quarter of the data is what a forecast
may see: three nested chains of subsets of that quarter, at 1/16, 1/8, 1/4 and 1/2 of it, and the
quarter itself, as a user without more data would measure them. Half of the data and all of it are
measured to judge by. Half of the held-out rows score the measured points; the other half is seen
by no forecast.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.data_need.sets import Task
from numpy.typing import NDArray

VERSION = 1
CHAINS = 3
PARTS = (16, 8, 4, 2, 1)
"""Parts of the quarter that is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Trainings of one resample: sizes, chains and scores by item (rows: trainings)."""

    task: str
    resample: int
    full: int
    sizes: NDArray[np.int_]
    chains: NDArray[np.int_]
    same: NDArray[np.float64]
    fresh: NDArray[np.float64]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which trainings a forecast may see."""
        return self.sizes <= self.full // 4


def curve(task: Task, resample: int, *, data: Path, cache: Path) -> Curve:
    """Return a curve from the cache, or measure and keep it."""
    path = cache / f"{task.name}-{resample:03d}-v{VERSION}.npz"
    if not path.is_file():
        measured = _measured(task, resample, data)
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, **measured)
        part.replace(path)
    with np.load(path) as kept:
        held = kept["scores"].astype(np.float64)
        half = held.shape[1] // 2
        return Curve(
            task=task.name,
            resample=resample,
            full=task.full,
            sizes=kept["sizes"],
            chains=kept["chains"],
            same=held[:, :half],
            fresh=held[:, half:],
        )


# Private.


def _measured(task: Task, resample: int, data: Path) -> dict[str, NDArray]:
    chance = random.Random(f"{task.name} {resample}")
    rows = task.read(data, chance)
    chance.shuffle(rows)
    held, every = rows[: task.held], rows[task.held : task.held + task.full]
    if len(every) < task.full:
        raise ValueError(f"{task.name}: {len(rows)} rows are too few for {task.held + task.full}")
    sizes, chains, scores = [], [], []
    for size, chain, some in _subsets(every, chance):
        seed = int.from_bytes(hashlib.sha256(f"{resample} {size} {chain}".encode()).digest()[:4])
        sizes.append(size)
        chains.append(chain)
        scores.append(task.learn(some, held, seed))
    return {
        "sizes": np.array(sizes),
        "chains": np.array(chains),
        "scores": np.array(scores, dtype=np.float16),
    }


def _subsets(every: list, chance: random.Random) -> Iterator[tuple[int, int, list]]:
    quarter = every[: len(every) // 4]
    for chain in range(CHAINS):
        order = chance.sample(quarter, len(quarter))
        for part in PARTS:
            if part > 1 or chain == 0:
                yield len(quarter) // part, chain, order[: len(quarter) // part]
    yield len(every) // 2, 0, every[: len(every) // 2]
    yield len(every), 0, every
