"""The data sets: messages with a type or none, and outcomes of a weak and a strong model."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Messages:
    """Texts to learn from with their types, and texts to judge on; `stranger` marks no type."""

    name: str
    train: list[tuple[str, str]]
    strangers: list[str]
    valid: list[tuple[str, str]]
    test: list[tuple[str, str]]
    stranger: str

    @property
    def types(self) -> tuple[str, ...]:
        """The types, in alphabetical order."""
        return tuple(sorted({label for _, label in self.train}))


@dataclass(frozen=True)
class Outcomes:
    """Prompts with what two models scored on them, and which part each belongs to (0 to 3)."""

    name: str
    prompts: list[str]
    weak: np.ndarray
    strong: np.ndarray
    part: np.ndarray


def clinc(data: Path) -> Messages:
    """150 intents; messages of no intent are marked `oos`."""
    return _messages("CLINC150", data / "clinc150_oos", "oos", valid=True)


def curekart(data: Path) -> Messages:
    """28 intents of a shop's customers; more than half of the test messages have none."""
    return _messages("Curekart", data / "hint3_curekart", "NO_NODES_DETECTED", valid=False)


def outcomes(data: Path) -> list[Outcomes]:
    """Both benchmarks together, then each."""
    rows = _read(data / "routing_outcomes" / "outcomes.jsonl.gz")
    names = sorted({row["benchmark"] for row in rows})
    together = [("together", rows)]
    return [
        _outcomes(name, some)
        for name, some in together
        + [(name, [row for row in rows if row["benchmark"] == name]) for name in names]
    ]


def _outcomes(name: str, rows: list[dict]) -> Outcomes:
    digests = [hashlib.sha256(row["id"].encode()).digest()[0] % 4 for row in rows]
    return Outcomes(
        name=name,
        prompts=[row["prompt"] for row in rows],
        weak=np.array([float(row["weak"]) for row in rows]),
        strong=np.array([float(row["strong"]) for row in rows]),
        part=np.array(digests),
    )


def _messages(name: str, folder: Path, stranger: str, *, valid: bool) -> Messages:
    train = _pairs(folder / "train.jsonl.gz")
    return Messages(
        name=name,
        train=[pair for pair in train if pair[1] != stranger],
        strangers=[text for text, label in train if label == stranger],
        valid=_pairs(folder / "valid.jsonl.gz") if valid else [],
        test=_pairs(folder / "test.jsonl.gz"),
        stranger=stranger,
    )


def _pairs(path: Path) -> list[tuple[str, str]]:
    return [(row["text"], row["label"]) for row in _read(path)]


def _read(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]
