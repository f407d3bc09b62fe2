"""Latency and cost as scorers: 1 up to a limit, then less, and 0 from a multiple of it on.

With v the measured value, L the limit and m the multiple, the score is 1 for v ≤ L and
(mL − v) / (mL − L) beyond, never below 0: a straight fall from the limit to its multiple. So the
mean score is the share of answers within the limit, with part credit for those not far beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from escalera.domain.scoring import Score, Submission, unscored
from escalera.errors import BadOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """`seconds`: the limit of a call; from `multiple` times the limit on, the score is 0."""

    seconds: float
    multiple: float = 2.0

    def __post_init__(self) -> None:
        _check("seconds", self.seconds, self.multiple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`dollars`: the limit of a call; from `multiple` times the limit on, the score is 0."""

    dollars: float
    multiple: float = 2.0

    def __post_init__(self) -> None:
        _check("dollars", self.dollars, self.multiple)


def latency(seen: Submission, options: Latency) -> Score:
    """How well an answer keeps to a time. It is a clock reading: two runs differ."""
    return Score(value=share(seen.seconds, options.seconds, options.multiple))


def cost(seen: Submission, options: Cost) -> Score:
    """How well an answer keeps to a price; unscored where the price is unknown."""
    if seen.micro_dollars is None:
        return unscored("the price of the call is unknown")
    return Score(value=share(seen.micro_dollars / 1e6, options.dollars, options.multiple))


def share(value: float, limit: float, multiple: float) -> float:
    """1 up to the limit, falling in a straight line to 0 at `multiple` times the limit."""
    return min(1.0, max(0.0, (multiple - value / limit) / (multiple - 1)))


# Below: private.


def _check(key: str, limit: float, multiple: float) -> None:
    if not 0 < limit < math.inf:
        raise BadOption(key, f"{limit!r} is out of range", "Give a finite number above 0")
    if not 1 < multiple < math.inf:
        raise BadOption("multiple", f"{multiple!r} is out of range", "Give a number above 1, as 2")
