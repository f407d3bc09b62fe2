"""Finding the learning rate: short trainings of a coarse grid, then of what lies beside the best.

Every second rate of a grid over four decades trains for a small share of the steps, then those
beside the best of them, and the two with the lowest loss on examples that were held out train anew
for longer. A trial is the whole training made shorter, warm-up and decay with it: one that warms up
for as many steps as the training never reaches its rate, and favours rates that are too high. A
rate that diverges is out. A ramp of rates within one training (Smith 2017, arXiv 1506.01186) is
cheaper still, but shows where a training diverges, not where it learns best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.domain.levers import Levers, Trainable

FIRST, LAST = 0.07, 0.18
"""The share of the steps of a trial, and of one of the last."""

FINALISTS = 2

LEAST_STEPS = 4
"""A trial does no fewer steps, however short the training is."""

_GRID = 9


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
    return tuple(10 ** (lowest + place / 2) for place in range(_GRID))


def steps(share: float, planned: int) -> int:
    """How many steps a trial for a share of the *planned* steps does."""
    return max(LEAST_STEPS, round(share * planned))


def cost(planned: int) -> float:
    """What all trials cost at most, as a share of a training of *planned* steps."""
    first = (_GRID + 1) // 2 + 2
    every = first * steps(FIRST, planned) + FINALISTS * steps(LAST, planned)
    return every / max(planned, 1)


def following(rates: Sequence[float], tried: Sequence[TriedRate]) -> RateTrial | None:
    """The next trial, or None when there is nothing left to try."""
    for rate in rates[::2]:
        if not _was_tried(rate, FIRST, tried):
            return RateTrial(rate=rate, share=FIRST)
    coarse = [one for one in tried if one.trial.rate in rates[::2]]
    for rate in _beside(rates, _best(coarse, FIRST)[:1]):
        if not _was_tried(rate, FIRST, tried):
            return RateTrial(rate=rate, share=FIRST)
    for rate in _best(tried, FIRST)[:FINALISTS]:
        if not _was_tried(rate, LAST, tried):
            return RateTrial(rate=rate, share=LAST)
    return None


def chosen(tried: Sequence[TriedRate]) -> float | None:
    """The rate with the lowest loss of the longest trials; None when every rate diverged."""
    for share in (LAST, FIRST):
        best = _best(tried, share)
        if best:
            return best[0]
    return None


# Below: private.


def _was_tried(rate: float, share: float, tried: Sequence[TriedRate]) -> bool:
    return any(one.trial == RateTrial(rate=rate, share=share) for one in tried)


def _beside(rates: Sequence[float], best: Sequence[float]) -> list[float]:
    """The rates next to the best of every second one."""
    places = [rates.index(rate) + step for rate in best for step in (-1, 1)]
    return [rates[place] for place in places if 0 <= place < len(rates)]


def _best(tried: Sequence[TriedRate], share: float) -> list[float]:
    """The rates that were tried for a share and did not diverge, best first.

    Of those that are equal to three places the lower: it is the safer one.
    """
    found = [one for one in tried if one.trial.share == share and math.isfinite(one.loss)]
    ordered = sorted(found, key=lambda one: (round(one.loss, 3), one.trial.rate))
    return [one.trial.rate for one in ordered]
