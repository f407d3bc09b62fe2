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

    It is infinite for what was never met. Where it is unknown how many tokens were taught, one
    counts as all; a pair of which one answer is to be preferred has one loss.
    """

    tokens: Floats
    last: Floats

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which answers were likelier than all others together when they were met last."""
        found: NDArray[np.bool_] = self.last < EVEN
        return found


def learned(record: RunRecord, course: Course) -> Learned:
    """What is known of every example."""
    count = len(record.examples)
    tokens = np.ones(count)
    if record.told is not None and record.recipe.objective == "supervised":
        tokens[:] = [one.learned for one in record.told.lessons]
    last = np.full(count, np.inf)
    places, losses = course.last()
    last[places] = losses * tokens[places]
    return Learned(tokens=tokens, last=last)


def excess(course: Course, level: Floats, tokens: Floats) -> Floats:
    """What every example put into the losses of its steps beyond the usual, summed; by place.

    The usual is `level` at that step; nats per answer token of the step.
    """
    whole = np.bincount(course.seen_step, weights=tokens[course.seen_place], minlength=course.steps)
    over = np.maximum(0.0, course.seen_loss - level[course.seen_step])
    put = over * tokens[course.seen_place] / np.maximum(whole, 1e-9)[course.seen_step]
    found = np.bincount(course.seen_place, weights=put, minlength=len(tokens))
    return found.astype(np.float64)
