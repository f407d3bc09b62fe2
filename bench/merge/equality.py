"""Numbers of two merged folders side by side, and the folders of both tools' random methods."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from escalera.core.merging import numbers
from escalera.edges.merging.weights import WeightsFile


def loaded(folder: Path) -> dict[str, Any]:
    """Bits of every tensor of a folder of bfloat16."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with WeightsFile(path) as file:
            found |= {name: np.array(file.numbers(name)) for name in file.entries}
    return found


ROUNDINGS = 16
"""Roundings to float32 that may lie between two ways to compute a number."""


def differences(one: Path, other: Path, models: Path) -> dict[str, Any]:
    """How many numbers differ, how many by more than the last bit, and how many beyond rounding."""
    inputs = [loaded(models / f"m{number}") for number in range(3)]
    found = {"differ": 0, "more": 0, "beyond": 0, "numbers": 0}
    for name, ours, theirs in _both(one, other):
        bits = np.abs(ours.astype(np.int64) - theirs)
        found["differ"] += int(np.count_nonzero(bits))
        found["more"] += int(np.count_nonzero(bits > 1))
        found["beyond"] += int(np.count_nonzero(_beyond(ours, theirs, _of(inputs, name))))
        found["numbers"] += ours.size
    return found


def at_thresholds(
    one: Path, other: Path, models: Path, density: float, gamma: float = 0.0
) -> dict[str, Any]:
    """Differences beyond rounding where the largest changes are kept (but for a share *gamma* of
    the very largest), and how many are where a change equals a threshold.
    """
    inputs = [loaded(models / f"m{number}") for number in range(3)]
    beyond = ties = 0
    for name, ours, theirs in _both(one, other):
        base, *changed = _of(inputs, name)
        apart, tied = _beyond(ours, theirs, [base, *changed]), np.zeros(ours.size, bool)
        for model in changed:
            sizes = np.abs(model - base)
            kept, cut = max(1, int(density * sizes.size)), int(gamma * sizes.size)
            lowest = sizes.size - kept - cut
            for rank in (lowest, lowest + kept - 1) if cut else (lowest,):
                tied |= sizes == np.partition(sizes, rank)[rank]
        beyond += int(np.count_nonzero(apart))
        ties += int(np.count_nonzero(apart & tied))
    return {"compared": beyond, "at ties": ties}


def at_variances(one: Path, other: Path, models: Path, density: float) -> dict[str, Any]:
    """Differences of two SCE merges beyond rounding, and those at the threshold."""
    inputs = [loaded(models / f"m{number}") for number in range(3)]
    beyond = ties = 0
    for name, ours, theirs in _both(one, other):
        base, *changed = _of(inputs, name)
        changes = [model - base for model in changed]
        mean = (changes[0] + changes[1]) / np.float32(2)
        variance = sum((change - mean) ** 2 for change in changes) / np.float32(2)
        kept = int(np.count_nonzero(variance) * density)
        if not kept:
            continue
        limit = np.partition(variance, variance.size - kept)[variance.size - kept]
        apart = _beyond(ours, theirs, [base, *changed])
        beyond += int(np.count_nonzero(apart))
        ties += int(np.count_nonzero(apart & (variance == limit)))
    return {"compared": beyond, "at ties": ties}


def distances(ours: list[Path], theirs: list[Path], base: Path) -> dict[str, float]:
    """Mean distances between merges of different seeds, in units of what a merge changes."""
    start = loaded(base)
    held = {"ours": [loaded(f) for f in ours], "theirs": [loaded(f) for f in theirs]}
    unit = float(np.mean([_far(start, one) for one in held["theirs"]]))
    pairs = {
        "ours": list(combinations(held["ours"], 2)),
        "theirs": list(combinations(held["theirs"], 2)),
        "between": [(a, b) for a in held["ours"] for b in held["theirs"]],
    }
    found = {
        key: float(np.mean([_far(a, b) for a, b in both])) / unit for key, both in pairs.items()
    }
    means = {key: _mean(models) for key, models in held.items()}
    found["means"] = _far_floats(means["ours"], means["theirs"]) / unit
    return found


def _both(one: Path, other: Path) -> Iterator[tuple[str, Any, Any]]:
    first, second = loaded(one), loaded(other)
    if first.keys() != second.keys():
        raise SystemExit(f"{one} and {other} hold different tensors")
    for name, values in first.items():
        yield name, values, second[name]


def _of(models: list[dict[str, Any]], name: str) -> list[Any]:
    return [_floats(model[name]) for model in models]


def _beyond(ours: Any, theirs: Any, inputs: list[Any]) -> Any:
    """Where two numbers are farther apart than the last bit of the output (bfloat16) and
    `ROUNDINGS` of the largest number that went in: where numbers cancel, little is left of them.
    """
    ours, theirs = _floats(ours).astype(float), _floats(theirs).astype(float)
    _, exponent = np.frexp(np.maximum(np.abs(ours), np.abs(theirs)))
    largest = np.max([np.abs(model) for model in inputs], axis=0)
    allowed = np.ldexp(1.0, exponent - 8) + ROUNDINGS * 2.0**-24 * largest
    return np.abs(ours - theirs) > allowed


def _floats(bits: Any) -> Any:
    return numbers.as_floats(bits, "BF16")


def _far(one: dict[str, Any], other: dict[str, Any]) -> float:
    return _far_floats(
        {n: _floats(v) for n, v in one.items()}, {n: _floats(v) for n, v in other.items()}
    )


def _far_floats(one: dict[str, Any], other: dict[str, Any]) -> float:
    return float(np.sqrt(sum(float(((one[n] - other[n]) ** 2).sum()) for n in one)))


def _mean(models: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.mean([_floats(model[name]) for model in models], axis=0) for name in models[0]}
