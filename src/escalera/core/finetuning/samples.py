"""How far each example was learned: its chance, when it was met last, before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.core.finetuning.curves import Course, Floats
from escalera.core.finetuning.record import RunRecord

EVEN = math.log(2)
"""The loss of an answer that has an even chance, in nats: below, it is the likeliest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """By place: the tokens that were taught, and the loss of the whole answer when met last.

    `met` is how often. Where it is unknown how many tokens were taught, one counts as all.
    """

    tokens: Floats
    last: Floats
    met: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which answers were likelier than all others together when they were met last."""
        found: NDArray[np.bool_] = self.last < EVEN
        return found


def learned(record: RunRecord, course: Course) -> Learned:
    """What is known of every example. Those that were never met have an infinite loss."""
    count = len(record.examples)
    tokens = np.ones(count)
    if record.told is not None:
        tokens[:] = [one.learned for one in record.told.lessons]
    last = np.full(count, np.inf)
    places, losses = course.last()
    last[places] = losses * tokens[places]
    met = np.bincount(course.seen_place, minlength=count)
    return Learned(tokens=tokens, last=last, met=met)
