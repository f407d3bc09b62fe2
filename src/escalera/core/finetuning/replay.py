"""How much of the other tasks to replay in a mixture: from short pilots, by a fitted response.

What replay does is smooth: more of it holds the protected tasks and leaves less room for the tuned
ones. So the room that each task has is fitted as a parabola over the logarithm of the ratio, which
takes noise off single pilots, and the ratio whose tightest task has most room is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RATIOS = (0.1, 0.25, 0.5, 1.0)
"""Replayed examples of each other task, as shares of the tuned tasks' examples."""

_DEGREE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPilot:
    """A short training with one ratio. `rooms` are per task how far its score lies above what it
    must not fall below: its bar, and for a protected task what it had before less its margin."""

    ratio: float
    rooms: tuple[float, ...]


def chosen(pilots: Sequence[ReplayPilot]) -> float:
    """The ratio whose tightest task has most room by the fitted responses; of equals the smaller.

    A parabola needs a point more than it has parameters to take any noise off, so fewer than four
    pilots are read as they are. Raises `ValueError` without a pilot, or for pilots of other tasks.
    """
    if not pilots or len({len(pilot.rooms) for pilot in pilots}) != 1:
        raise ValueError(f"{len(pilots)} pilots over unequal tasks: measure each on every task")
    ordered = sorted(pilots, key=lambda pilot: pilot.ratio)
    tightest = np.min([_fitted(ordered, task) for task in range(len(ordered[0].rooms))], axis=0)
    return ordered[int(np.argmax(np.round(tightest, 9)))].ratio


# Below: private.


def _fitted(pilots: Sequence[ReplayPilot], task: int) -> list[float]:
    """The response of a task at the ratios that were tried."""
    rooms = [pilot.rooms[task] for pilot in pilots]
    if len(pilots) <= _DEGREE + 1:
        return rooms
    places = [math.log(pilot.ratio) for pilot in pilots]
    fitted = np.polyval(np.polyfit(places, rooms, _DEGREE), places)
    return [float(room) for room in fitted]
