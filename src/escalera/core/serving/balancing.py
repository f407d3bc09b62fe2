"""Which of several deployments that hold the same model is asked: the quicker of two.

Power of two choices (Mitzenmacher, IEEE TPDS 12(10), 2001) over the peak-sensitive moving average
of the time to the first byte, times what is in flight there: a slow answer counts at once, a quick
one only by and by. Random numbers and time come in as arguments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


class Load:
    """What is known of the speed of one deployment."""

    __slots__ = ("_at", "_seconds", "in_flight")

    FADING = 10.0
    """Seconds in which a past answer loses all but 1/e of its weight."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._seconds = 0.0
        self._at = float("-inf")

    def answered(self, seconds: float, now: float) -> None:
        """The first byte came, or the failure did, after *seconds*."""
        if seconds >= self._seconds:
            self._seconds = seconds
        else:
            kept = math.exp(-(now - self._at) / self.FADING)
            self._seconds = self._seconds * kept + seconds * (1 - kept)
        self._at = now

    def left(self, seconds: float, now: float) -> None:
        """Nobody waited any longer after *seconds*: an answer takes at least as long."""
        if seconds > self._seconds:
            self._seconds, self._at = seconds, now

    @property
    def expected(self) -> float:
        """Seconds to the first byte as they were lately; 0 where nothing is known."""
        return self._seconds

    def score(self) -> float:
        """What another call there would wait for; one that was never asked comes first."""
        return self._seconds * (self.in_flight + 1)


def quicker(loads: Sequence[Load], first: float, second: float) -> int:
    """The place of the quicker of two; *first* and *second* are uniform on [0, 1)."""
    if len(loads) == 1:
        return 0
    one = int(first * len(loads))
    other = int(second * (len(loads) - 1))
    other += other >= one
    return one if loads[one].score() <= loads[other].score() else other


def weighted(weights: Sequence[float], at: float) -> int:
    """The place that *at*, uniform on [0, 1), falls on when places are as wide as their weights."""
    left = at * sum(weights)
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    return max(place for place, weight in enumerate(weights) if weight > 0)
