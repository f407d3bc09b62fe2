"""Drawn curves: what scores may become, and what has to be added to them for each question.

`Posterior` is turned into a fixed number of equally likely curves with keyed random numbers, so
that questions on one curve at several sizes (when does it pass the bar?) have joint answers, and
the same measurements give the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.core.finetuning.posterior import Posterior
from escalera.core.finetuning.shapes import Floats
from escalera.core.finetuning.trainings import Training
from escalera.core.stats import clustering, draws
from escalera.core.stats.clustering import Clusters

DRAWN = 4000
_KEY = "data need"
_EDGE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Futures:
    """Scores of equally likely curves, a row each, at `examples` in rising order.

    `expected`: the mean over trainings, on the items at hand. `luck`: what one training adds.
    `elsewhere`: what other items of the same kind add to every size of a curve.
    """

    examples: Floats
    expected: Floats
    luck: Floats
    elsewhere: Floats

    def measured(self) -> Floats:
        """Scores of one training at each size, on the items at hand."""
        return np.clip(self.expected + self.luck, 0.0, 1.0)

    def population(self) -> Floats:
        """Expected scores on all items of the kind."""
        return np.clip(self.expected + self.elsewhere, 0.0, 1.0)


def draw(found: Posterior, examples: Sequence[float], *, item_error: float) -> Futures:
    """Return drawn curves at sizes in rising order.

    `item_error`: the standard error, due to the items, of the score at the largest size measured.
    Below that size curves have no wandering.
    """
    at = np.asarray(examples, dtype=np.float64)
    which = _systematic(found.weight)
    curves = found.shapes.take(which)
    highest = curves.relative_error(np.zeros(1))[:, 0]
    level = found.level[which] + found.spread[which] * _normals(0, 1)[:, 0]
    level = np.clip(level, 0.0, 1.0 / highest)
    error = np.clip(level[:, None] * curves.relative_error(at), _EDGE, 1.0 - _EDGE)
    error = _wandered(error, at / found.points.largest, found.wander[which])
    variance = error * (1.0 - error)
    choice = found.noise[which, None] ** 2 * variance * found.points.largest / at
    flips = found.flips * variance / found.points.items
    level_now = float(found.points.level[-1])
    shift = item_error * np.sqrt(variance / (level_now * (1.0 - level_now)))
    return Futures(
        examples=at,
        expected=1.0 - error,
        luck=np.sqrt(choice + flips) * _normals(2, len(at)),
        elsewhere=shift * _normals(3, 1),
    )


def item_error(measured: Sequence[Training], clusters: Clusters = None) -> float:
    """Return the standard error, due to the items alone, of the score at the largest size.

    From the items' means over the trainings of that size, cluster-robust; where single scores are
    not given, or nearly all items tie, the largest that a mean in [0, 1] of so many items can have.
    """
    largest = max(t.examples for t in measured)
    some = [t for t in measured if t.examples == largest]
    score = sum(t.score for t in some) / len(some)
    items = min(t.items for t in some)
    level = ((1.0 - score) * items + 0.5) / (items + 1.0)
    if not some[0].scores:
        return math.sqrt(level * (1.0 - level) / items)
    means = np.mean([t.scores for t in some], axis=0)
    estimate = clustering.robust_mean(means, clusters)
    if estimate.fragile or not math.isfinite(estimate.standard_error):
        return math.sqrt(level * (1.0 - level) / estimate.clusters)
    return estimate.standard_error


# Private.


def _systematic(weight: Floats) -> NDArray[np.int_]:
    """Positions of `DRAWN` components, each as often as its weight says, in mixed order."""
    marks = (np.arange(DRAWN) + 0.5) / DRAWN
    which = np.searchsorted(np.cumsum(weight), marks * weight.sum())
    order = np.argsort(draws.uniform((DRAWN,), _KEY, "order"))
    positions: NDArray[np.int_] = np.minimum(which, len(weight) - 1)[order]
    return positions


def _wandered(error: Floats, ratio: Floats, wander: Floats) -> Floats:
    """Errors after an integrated random walk in logits, begun where the ratio of sizes passes 1.

    Over a step d the slope gains sqrt(d) a and the value d slope + d^1.5 (a / 2 + b / sqrt(12)),
    with a and b standard normal: the exact moments of integrated Brownian motion.
    """
    steps = np.diff(np.log2(np.maximum(ratio, 1.0)), prepend=0.0)
    first, second = _normals(1, len(ratio)), _normals(4, len(ratio))
    value, slope = np.zeros(DRAWN), np.zeros(DRAWN)
    moved = np.empty_like(error)
    for i, step in enumerate(steps):
        value += step * slope + step**1.5 * (0.5 * first[:, i] + second[:, i] / math.sqrt(12.0))
        slope += math.sqrt(step) * first[:, i]
        odds = (1.0 - error[:, i]) / error[:, i]
        moved[:, i] = 1.0 / (1.0 + odds * np.exp(-wander * value))
    return moved


def _normals(stream: int, columns: int) -> Floats:
    """Standard normal numbers by Box and Muller (1958)."""
    pairs = draws.uniform((2, DRAWN, columns), _KEY, stream)
    found: Floats = np.sqrt(-2.0 * np.log1p(-pairs[0])) * np.cos(2.0 * math.pi * pairs[1])
    return found
