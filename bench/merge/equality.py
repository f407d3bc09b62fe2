"""Numbers of two merged folders side by side, and the folders of both tools' random methods."""

from __future__ import annotations

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


def differences(one: Path, other: Path) -> dict[str, Any]:
    """How many numbers differ, and how many of those by more than the last bit."""
    first, second = loaded(one), loaded(other)
    if first.keys() != second.keys():
        raise SystemExit(f"{one} and {other} hold different tensors")
    differ = more = total = 0
    for name, values in first.items():
        apart = np.abs(values.astype(np.int64) - second[name])
        differ += int(np.count_nonzero(apart))
        more += int(np.count_nonzero(apart > 1))
        total += values.size
    return {"differ": differ, "more": more, "numbers": total}


def at_thresholds(one: Path, other: Path, models: Path, density: float) -> dict[str, Any]:
    """Differences of two TIES merges, and how many are where a change equals its threshold."""
    first, second = loaded(one), loaded(other)
    base, *changed = (loaded(models / f"m{number}") for number in range(3))
    differ = ties = 0
    for name, values in first.items():
        apart = values != second[name]
        tied = np.zeros(values.size, bool)
        for model in changed:
            sizes = np.abs(_floats(model[name]) - _floats(base[name]))
            kept = max(1, int(density * sizes.size))
            tied |= sizes == np.partition(sizes, sizes.size - kept)[sizes.size - kept]
        differ += int(np.count_nonzero(apart))
        ties += int(np.count_nonzero(apart & tied))
    return {"differ": differ, "at ties": ties}


def at_variances(one: Path, other: Path, models: Path, density: float) -> dict[str, Any]:
    """Differences of two SCE merges by more than the last bit, and those at the threshold."""
    first, second = loaded(one), loaded(other)
    base, *changed = (loaded(models / f"m{number}") for number in range(3))
    differ = ties = 0
    for name, values in first.items():
        changes = [_floats(model[name]) - _floats(base[name]) for model in changed]
        mean = (changes[0] + changes[1]) / np.float32(2)
        variance = sum((change - mean) ** 2 for change in changes) / np.float32(2)
        kept = int(np.count_nonzero(variance) * density)
        if not kept:
            continue
        limit = np.partition(variance, variance.size - kept)[variance.size - kept]
        apart = np.abs(values.astype(np.int64) - second[name]) > 1
        differ += int(np.count_nonzero(apart))
        ties += int(np.count_nonzero(apart & (variance == limit)))
    return {"compared": differ, "at ties": ties}


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
