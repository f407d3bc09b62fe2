"""Trainings of a task in one small file, so that rules are replayed where nothing is trained.

Right answers are bits, losses have three decimals.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from bench.sweeps.board import Curve

RECORDS = Path("bench/results/sweeps")
CHOSEN_ON = ("clinc_banking", "mtod_intent")
"""On these tasks the settings of the rounds were chosen."""
HELD_OUT = ("snips_intent", "clinc_domain", "snips_rating", "clinc_oos")


def write(file: Path, found: Mapping[int, Curve], levers: Mapping[int, Mapping]) -> None:
    """Every training by its number, with its levers."""
    told = [
        {"number": number, "levers": dict(levers[number]), **_packed(one)}
        for number, one in sorted(found.items())
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    # Without a time, so that equal trainings are equal files.
    file.write_bytes(gzip.compress(json.dumps(told).encode(), mtime=0))


def read(file: Path) -> dict[int, Curve]:
    """Every training by its number; none without a file."""
    if not file.exists():
        return {}
    return {one["number"]: _curve(one) for one in json.loads(gzip.decompress(file.read_bytes()))}


# Private.


def _packed(one: Curve) -> dict[str, object]:
    whole = one.losses[-1]
    return {
        "items": len(one.right[0]),
        "right": [_bits(row) for row in one.right],
        "beside": len(one.further),
        "further": _bits(one.further),
        "steps": [len(told) for told in one.losses],
        "losses": [round(loss, 3) for loss in whole],
    }


def _curve(one: Mapping) -> Curve:
    return Curve(
        right=[_answers(row, one["items"]) for row in one["right"]],
        losses=[one["losses"][:steps] for steps in one["steps"]],
        further=_answers(one["further"], one["beside"]),
    )


def _bits(right: Sequence[float]) -> str:
    return base64.b64encode(np.packbits(np.array(right, dtype=bool)).tobytes()).decode()


def _answers(bits: str, many: int) -> list[float]:
    found = np.frombuffer(base64.b64decode(bits), dtype=np.uint8)
    return np.unpackbits(found, count=many).astype(float).tolist()
