"""Finding the learning rate: short trainings of a coarse grid, the better ones again and longer.

The rates of a grid over four decades each train for a small share of the steps, with warm-up and
decay of their own; the half with the lowest loss on examples that were held out trains anew for
longer, and so on (successive halving: Jamieson and Talwalkar 2016, arXiv 1502.07943). A rate that
diverges is out. A ramp of rates within one training is cheaper still, but shows where a training
diverges, not where it learns best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.domain.levers import Levers, Trainable

STAGES: tuple[tuple[int, float], ...] = ((9, 0.03), (4, 0.06), (2, 0.15))
"""How many rates train for which share of the steps."""

COST = sum(many * share for many, share in STAGES)
"""What all trials cost, as a share of one training; more where a trial is cut short by its least
number of steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTrial:
    """A learning rate to be tried for a share of the steps."""

    rate: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedRate:
    """What a trial came to: the mean loss of held-out examples, infinite where it diverged."""

    trial: RateTrial
    loss: float


def grid(trainable: Trainable, levers: Levers) -> tuple[float, ...]:
    """Nine rates over four decades, around what the method and the optimizer usually take."""
    lowest = -5.0 if trainable.adapter else -6.0
    if levers.optimizer == "sgd":
        lowest += 2.0
    return tuple(10 ** (lowest + place / 2) for place in range(STAGES[0][0]))


def following(rates: Sequence[float], tried: Sequence[TriedRate]) -> RateTrial | None:
    """The next trial, or None when there is nothing left to try."""
    running = list(rates)
    for number, (many, share) in enumerate(STAGES):
        if number:
            running = _best(tried, STAGES[number - 1][1])[:many]
        done = {one.trial.rate for one in tried if one.trial.share == share}
        left = [rate for rate in running if rate not in done]
        if left:
            return RateTrial(rate=left[0], share=share)
        if not _best(tried, share):
            return None
    return None


def chosen(tried: Sequence[TriedRate]) -> float | None:
    """The rate with the lowest loss of the longest trials; None when every rate diverged."""
    for _, share in reversed(STAGES):
        best = _best(tried, share)
        if best:
            return best[0]
    return None


# Below: private.


def _best(tried: Sequence[TriedRate], share: float) -> list[float]:
    """The rates that were tried for a share and did not diverge, best first.

    Of those that are equal to three places the lower: it is the safer one.
    """
    found = [one for one in tried if one.trial.share == share and math.isfinite(one.loss)]
    ordered = sorted(found, key=lambda one: (round(one.loss, 3), one.trial.rate))
    return [one.trial.rate for one in ordered]
