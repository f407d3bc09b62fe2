"""Trainings of a task in one small file, so that rules are replayed where nothing is trained.

Right answers are bits, losses have three decimals.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from bench.sweeps.board import Curve

RECORDS = Path("bench/results/sweeps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Trainings of a task from which sweeps are drawn; a training's number says its levers.

    `held_out` says on what none of the settings of the rounds was chosen.
    """

    task: str
    numbers: range
    held_out: Literal["nothing", "task", "task and levers"]


POOLS = (
    Pool(task="clinc_banking", numbers=range(26), held_out="nothing"),
    Pool(task="mtod_intent", numbers=range(26), held_out="nothing"),
    Pool(task="snips_intent", numbers=range(26), held_out="task"),
    Pool(task="clinc_domain", numbers=range(26), held_out="task"),
    Pool(task="snips_intent", numbers=range(26, 66), held_out="task and levers"),
    Pool(task="clinc_domain", numbers=range(66, 106), held_out="task and levers"),
    Pool(task="clinc_oos", numbers=range(106, 146), held_out="task and levers"),
    Pool(task="snips_rating", numbers=range(146, 186), held_out="task and levers"),
)
"""Levers of one number are the same for every task. The best of the first 26 is the best for nearly
every task, so that these say little about new levers; the last four pools share none."""


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
