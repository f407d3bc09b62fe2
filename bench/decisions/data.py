"""Boards: scores of several systems on common items, read from the replay folders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FOLDERS = {
    "AlpacaEval 2": "replay_alpaca_eval2_nc",
    "MMLU-Pro": "replay_mmlu_pro",
    "GSM8K": "replay_gsm8k_4systems",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Board:
    """Scores in [0, 1] by system and common item.

    `clusters` numbers what is alike: blocks of consecutive questions of one subject where the
    items' numbers keep the order of their source, or nothing.
    """

    name: str
    systems: tuple[str, ...]
    scores: Floats
    clusters: NDArray[np.int_] | None

    @property
    def items(self) -> int:
        """How many items every system answered."""
        return int(self.scores.shape[1])

    @property
    def binary(self) -> bool:
        """Whether every score is right or wrong."""
        return bool(np.isin(self.scores, (0.0, 1.0)).all())

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every unordered pair of systems."""
        return itertools.combinations(range(len(self.systems)), 2)


def load(folder: Path) -> list[Board]:
    """Return the boards that the folder holds; FileNotFoundError where it holds none."""
    found = [
        _board(name, folder / place / "scores.parquet")
        for name, place in FOLDERS.items()
        if (folder / place / "scores.parquet").is_file()
    ]
    if not found:
        raise FileNotFoundError(
            f"no replay data in {str(folder)!r}: pass the folder that holds "
            f"{', '.join(FOLDERS.values())}"
        )
    return found


def _board(name: str, path: Path) -> Board:
    columns = ["system", "item", "group", "score"]
    table = pyarrow.parquet.read_table(path, columns=columns).to_pydict()
    scores: dict[str, dict[str, float]] = {}
    groups: dict[str, str] = {}
    for system, item, group, score in zip(*(table[c] for c in columns), strict=True):
        scores.setdefault(system, {})[item] = float(score)
        groups[item] = group
    systems = tuple(sorted(scores))
    common = sorted(set.intersection(*(set(scores[s]) for s in systems)), key=_place)
    matrix = np.array([[scores[s][i] for i in common] for s in systems])
    numbered = name == "MMLU-Pro"
    clusters = _blocks([groups[i] for i in common]) if numbered else None
    return Board(name=name, systems=systems, scores=matrix, clusters=clusters)


def _place(item: str) -> tuple[int, str]:
    tail = item.rsplit("-", 1)[-1]
    return (int(tail), "") if tail.isdigit() else (0, item)


def _blocks(groups: list[str], size: int = 8) -> NDArray[np.int_]:
    """Number blocks of up to `size` consecutive items of one group."""
    seen: dict[str, int] = {}
    labels: dict[tuple[str, int], int] = {}
    found = []
    for group in groups:
        place = seen.get(group, 0)
        seen[group] = place + 1
        found.append(labels.setdefault((group, place // size), len(labels)))
    return np.array(found, dtype=np.int_)
