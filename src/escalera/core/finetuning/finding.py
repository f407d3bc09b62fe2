"""What a diagnosis says: a cause with its figures, what to do, and the command that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Cause = Literal[
    "rate too high",
    "rate too low",
    "too few steps",
    "overfit",
    "underfit",
    "label noise",
    "duplicates",
    "leakage",
    "wrong template",
    "wrong mask",
    "class imbalance",
    "spikes",
    "healthy",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure that a finding rests on."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a training, or that nothing is.

    `strength` in [0, 1] is how far the figures are beyond what is called sound: 0.5 at the limit,
    1 where there is no doubt; it is no probability. `items` are the ids of the examples that did
    it, the worst first. `setting` is a line of the project file, empty where none is to change.
    """

    cause: Cause
    strength: float
    words: str
    figures: tuple[Measure, ...]
    remedy: str
    items: tuple[str, ...] = ()
    setting: str = ""
    command: str = ""


def measured(**figures: float) -> tuple[Measure, ...]:
    """Figures by name, with spaces for underscores."""
    return tuple(
        Measure(name=name.replace("_", " "), value=float(value)) for name, value in figures.items()
    )


def beyond(value: float, limit: float, certain: float) -> float:
    """How far *value* is beyond *limit*: 0.5 there, 1 at *certain* and behind it, 0 at worst.

    *certain* may lie on either side of *limit*.
    """
    found = 0.5 + 0.5 * (value - limit) / (certain - limit)
    return min(1.0, max(0.0, found))
