"""What is wrong with a row, in words, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WIDEST = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """The value with the rule that it breaks, and what to do about it."""

    problem: str
    remedy: str


def shown(value: Any) -> str:
    """A value as it is told: cut where it is long."""
    said = repr(value)
    return said if len(said) <= WIDEST else f"{said[:WIDEST]}…"
