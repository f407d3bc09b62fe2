"""What went wrong in a training, in words: each cause with its figures, remedy and command."""

from __future__ import annotations

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
