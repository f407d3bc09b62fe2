"""Finding the learning rate: short trainings of a coarse grid, then of what lies beside the best.

Every second rate of a grid over four decades trains for a small share of the steps, then those
beside the best of them. The best trains anew for longer, and what lies beside the best by then: the
lowest loss on examples that were held out wins, of nearly equal ones that of the lower rate.
Longer trainings want lower rates: where the lowest point of a parabola through three rates moved
down from the short trials to the longer ones, it is carried on to the whole training, in the
logarithms of rate and share, and the rate below is taken where that is nearer.

A trial is the whole training made shorter, warm-up and decay with it: one that warms up for as many
steps as the training never reaches its rate, and favours rates that are too high. So does momentum
that has not gathered when the trial ends: its rate is raised by as much. A rate that diverges is
out. A ramp of rates within one training (Smith 2017, arXiv 1506.01186) is cheaper still, but shows
where a training diverges, not where it learns best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.domain.levers import Levers, Trainable

FIRST, LAST = 0.06, 0.15
"""The share of the steps of a trial, and of one of the last."""

FINALISTS = 3

LEAST_STEPS = 4
"""A trial does no fewer steps, however short the training is."""

NEAR = 0.1
"""Of rates whose losses are above the best one's by at most this share, the lowest is taken."""

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
    return _longer(rates, tried)


def chosen(rates: Sequence[float], tried: Sequence[TriedRate]) -> float | None:
    """The rate for the whole training; None when every rate diverged."""
    best = _lower(tried)
    if best is None:
        return None
    place = rates.index(best)
    window = rates[max(place - 1, 0) : place + 2]
    if not all(_was_tried(rate, share, tried) for rate in window for share in _SHARES):
        return best
    if len(window) < 3 or _best(tried, LAST)[0] != best:
        return best
    first, last = (_lowest([_loss(rate, share, tried) for rate in window]) for share in _SHARES)
    moving = (last - first) / math.log(LAST / FIRST) * math.log(1.0 / LAST)
    return window[0] if round(moving) < 0 else best


# Below: private.


_SHARES = (FIRST, LAST)


def _longer(rates: Sequence[float], tried: Sequence[TriedRate]) -> RateTrial | None:
    """The next of the longer trials: the best rate, then those beside the best of them."""
    done = [one.trial.rate for one in tried if one.trial.share == LAST]
    short = _best(tried, FIRST)
    if len(done) >= FINALISTS or not short:
        return None
    around = _beside(rates, _best(tried, LAST)[:1]) if done else short[:1]
    left = [rate for rate in around if rate not in done]
    if not left:
        return None
    rank = {rate: place for place, rate in enumerate(short)}
    nearest = min(left, key=lambda rate: rank.get(rate, len(rank)))
    return RateTrial(rate=nearest, share=LAST)


def _lower(tried: Sequence[TriedRate]) -> float | None:
    """The lowest rate whose loss in the longest trials is near the best."""
    best = _best(tried, LAST)
    if not best:
        return None
    lowest = _loss(best[0], LAST, tried)
    limit = lowest + NEAR * abs(lowest)
    return min(rate for rate in best if _loss(rate, LAST, tried) <= limit)


def _lowest(losses: Sequence[float]) -> float:
    """Where a parabola through three losses is lowest: 0 in the middle, 1 at the last, at most."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    low, middle, high = (loss if math.isfinite(loss) else 2.0 * max(finite) for loss in losses)
    bend = low - 2.0 * middle + high
    if bend <= 0.0:
        return -1.0 if low < high else 1.0
    return max(-1.0, min(1.0, (low - high) / (2.0 * bend)))


def _loss(rate: float, share: float, tried: Sequence[TriedRate]) -> float:
    wanted = RateTrial(rate=rate, share=share)
    return next(one.loss for one in tried if one.trial == wanted)


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
