"""Rounds of a sweep: all trials come to a pause before any goes on from it.

Successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943, section 3) with three changes. How
many go on is what a fixed share of all trainings affords, so that a sweep is never dearer; one of
twenty trials uses all of it, smaller ones less. Trials rank by how many are shown to be ahead of
them, by paired intervals on common items; so none is preferred for the luck of a few answers. Those
that the answers cannot tell apart rank by what their training has lost of late: at a first pause
hardly any answer is right, and the loss says already who learns.

Everything is a function of what was measured. Optuna's pruners are none: what they decide of a
trial depends on those that came before it, and a trial that they stopped never goes on.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.finetuning.sweeping import OWN, PAUSES
from escalera.core.stats import paired
from escalera.core.stats.clustering import ScoreRule

NAME = "rounds"
"""Part of a sweep's question: other settings than those below need another name, so that a sweep
that was recorded with these decides as it did."""

SHARE = 0.35
"""What a sweep of eight trials or more costs at the most, of all its trainings in full."""

LATER = (2, 3)
"""The room for a round leaves enough for so many of each to go on at the pauses after it."""

LEAST = 2
"""So many go on in any case: the own levers, and one to hold against them."""

ALPHA = 0.01
"""Level of the paired interval that shows one to be ahead. It bounds no error of the sweep."""

PAIRING: ScoreRule = "wider of two"
"""How that interval reads clustered right/wrong answers."""

LATE = 0.25
"""The part of the steps so far whose losses are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedTrial:
    """A trial at a pause: its scores on the items that all trials there have answered.

    `clusters` has the cluster of each item, `loss` is the `late` loss of its training.
    """

    number: int
    scores: tuple[float, ...]
    clusters: tuple[str, ...]
    loss: float

    @property
    def mean(self) -> float:
        """The score over all items; 0 without any."""
        return sum(self.scores) / max(len(self.scores), 1)


def late(losses: Sequence[float]) -> float:
    """The mean loss of the last quarter of the steps so far; infinite where it is no number."""
    last = losses[-max(1, round(LATE * len(losses))) :]
    found = sum(last) / len(last) if last else math.inf
    return found if math.isfinite(found) else math.inf


def room(came: Sequence[int]) -> int:
    """How many may go on from the last pause, where so many came to each so far.

    The most with which the sweep keeps to its share when two of three go on at each later pause;
    `LEAST` at the least.
    """
    widths = [after - before for before, after in zip((0.0, *PAUSES), PAUSES, strict=False)]
    paid = sum(many * width for many, width in zip(came, widths, strict=False))
    left = SHARE * came[0] - paid
    later = widths[len(came) :]
    fitting = (many for many in range(came[-1], LEAST, -1) if _cost(many, later) <= left + 1e-9)
    return next(fitting, LEAST)


def going_on(paused: Sequence[PausedTrial], *, room: int) -> list[int]:
    """The numbers of the trials that go on, in the order in which they were begun.

    The own levers always do; of the others those to whom the fewest are shown to be ahead, as many
    as there is room for, and of as many those that have lost least of late.
    """
    behind = {
        one.number: sum(_ahead(other.scores, one.scores, one.clusters) for other in paused)
        for one in paused
    }
    ranked = sorted(
        paused, key=lambda one: (one.number != OWN, behind[one.number], one.loss, one.number)
    )
    return sorted(one.number for one in ranked[:room])


def best(paused: Sequence[PausedTrial]) -> int | None:
    """The number of the trial with the highest score; of equal ones the first."""
    found = max(paused, key=lambda one: (one.mean, -one.number), default=None)
    return None if found is None else found.number


# Below: private.


def _cost(many: int, widths: Sequence[float]) -> float:
    """Of going on with so many, then with two of three, rounded up, and so on."""
    total, (part, whole) = 0.0, LATER
    for width in widths:
        total += many * width
        many = max(LEAST, math.ceil(many * part / whole))
    return total


# Remembered: a sweep is replayed from its evidence before each of its steps.
@functools.lru_cache(maxsize=4096)
def _ahead(first: tuple[float, ...], second: tuple[float, ...], clusters: tuple[str, ...]) -> bool:
    """Whether the answers show the first to be better than the second."""
    if len(first) < 2 or sum(first) <= sum(second):
        return False
    found = paired.interval(first, second, clusters, alpha=ALPHA, rule=PAIRING)
    return found.lower > 0.0
