"""From what a file says to a score in [0, 1]: or to no score, or to a refusal.

A score of 3 may be of 5 or of 10. Only what is plainly on [0, 1], or comes with its range, is
taken; guessing a scale would change every comparison.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_WORDS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Unscored:
    """The file gives no score, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class OffScale:
    """The file gives something that is no score in [0, 1]."""

    problem: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range that a file declares for its scores."""

    low: float = 0.0
    high: float = 1.0


Mark = float | Unscored | OffScale
UNIT = Bounds()


def mark(value: object, *, words: Mapping[str, float] = NO_WORDS, bounds: Bounds = UNIT) -> Mark:
    """What *value* is worth: booleans and *words* are clear, numbers must lie in *bounds*.

    Not-a-number is how tools write "not scored". A number within [0, 1] is taken bit for bit.
    """
    if value is None:
        return Unscored("the file gives no score")
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        found = words.get(value)
        return OffScale(f"the score {cut(value)!r} is no number") if found is None else found
    if isinstance(value, (int, float)):
        return _number(value, bounds)
    return OffScale(f"the score is a {type(value).__name__}, not a number")


def cut(text: str, longest: int = 200) -> str:
    """*text* for a message or a reason: its first line, and not more than *longest* of it."""
    line = " ".join(text.strip()[: 2 * longest].partition("\n")[0].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


# Below: private.


def _number(value: float, bounds: Bounds) -> Mark:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        return Unscored("the score is not a number")
    if not bounds.low <= number <= bounds.high:
        return OffScale(f"the score {number!r} is outside of {bounds.low:g} to {bounds.high:g}")
    if bounds == UNIT:
        return number
    return min(1.0, (number - bounds.low) / (bounds.high - bounds.low))
