"""Curves that agree with what was measured, each with its probability.

Conditional on a shape the error curve is A h(n), and A enters linearly, so that its posterior and
the shape's evidence have closed forms (Bayesian linear regression with a uniform prior on A). The
shapes are a grid, and so are the scales of the noise and of the wandering: sums replace sampling,
and the same measurements give the same bits.

    measured error = A h(n) + wandering + choice of examples + flips of items

wandering            what no family catches: an integrated random walk in log2 n, in logits, that
                     has value and slope 0 at the largest size measured (Wahba 1978 on why its path
                     is a smoothing spline). Points far below count for less, and forecasts far
                     above are less certain.
choice of examples   standard deviation noise * sqrt(e (1 - e)) * sqrt(N / n), correlated as in
                     `trainings.overlap_correlation`.
flips of items       variance flips * e (1 - e) / items, independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from escalera.core.finetuning import curve_prior, shapes, trainings
from escalera.core.finetuning.curve_prior import NOISES, WANDERS, CurvePrior
from escalera.core.finetuning.shapes import Floats, Shapes
from escalera.core.finetuning.trainings import Points

_KEPT = 1e-7
_JITTER = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Curves with weights that sum to 1; arrays of one length.

    `level`, `spread`: mean and standard deviation of the error at the largest size. `wander`,
    `noise`: the scales, as in the module's text. `flips`: as used.
    """

    points: Points
    shapes: Shapes
    weight: Floats
    level: Floats
    spread: Floats
    wander: Floats
    noise: Floats
    flips: float


def fit(found: Points, prior: CurvePrior = curve_prior.LEARNED) -> Posterior:
    """Return the curves that have a chance of more than 1e-7 of the likeliest's."""
    curves = shapes.grid(found.largest)
    evidence = Evidence.of(found, curves, flips_used(found, prior))
    logs = evidence.log_likelihood + combined_log_prior(prior, curves)
    weight = np.exp(logs - logs.max())
    kept = np.nonzero(weight > _KEPT)
    scales = [np.array(values)[kept[i]] for i, values in enumerate((WANDERS, NOISES))]
    return Posterior(
        points=found,
        shapes=curves.take(kept[2]),
        weight=weight[kept] / weight[kept].sum(),
        level=evidence.level[kept],
        spread=evidence.spread[kept],
        wander=scales[0],
        noise=scales[1],
        flips=evidence.flips,
    )


def flips_used(found: Points, prior: CurvePrior) -> float:
    """Return the flips that were measured, or else those of the prior."""
    return prior.flips if found.flips is None else found.flips


def combined_log_prior(prior: CurvePrior, curves: Shapes) -> Floats:
    """Return log prior probabilities: axes wander, noise, curve."""
    wander, noise = curve_prior.log_scales(prior)
    total: Floats = wander[:, None, None] + noise[None, :, None]
    return total + curve_prior.log_weights(prior, curves)[None, None, :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What measurements say, before any prior on shapes: axes wander, noise, curve."""

    log_likelihood: Floats
    level: Floats
    spread: Floats
    flips: float

    @staticmethod
    def of(found: Points, curves: Shapes, flips: float) -> Evidence:
        """Return it for every curve of a grid and every pair of scales."""
        heights = curves.relative_error(found.examples)
        highest = curves.relative_error(np.zeros(1))[:, 0]
        parts = [_regressed(heights, highest, found.error, root) for root in _roots(found, flips)]
        size = (len(WANDERS), len(NOISES), len(highest))
        logs, level, spread = (np.stack(p).reshape(size) for p in zip(*parts, strict=True))
        return Evidence(log_likelihood=logs, level=level, spread=spread, flips=flips)


def parts(found: Points, flips: float) -> tuple[Floats, Floats, Floats]:
    """Return the covariances of measured errors by source, for wander and noise 1.

    Wandering on one side of the largest size has Cov(u, v) = u^2 (3 v - u) / 6 for u <= v, in
    doublings from it; sizes above and below it are independent.
    """
    variance = found.level * (1.0 - found.level)
    steps = np.log2(found.largest / found.examples)
    low, high = np.minimum.outer(steps, steps), np.maximum.outer(steps, steps)
    walk = low**2 * (3.0 * high - low) / 6.0 * np.outer(variance, variance)
    size = np.sqrt(variance * found.largest / found.examples)
    choice = np.outer(size, size) * trainings.overlap_correlation(found)
    independent = np.diag(flips * variance / found.items + _JITTER)
    return walk, choice, independent


# Private.


def _roots(found: Points, flips: float) -> Iterator[Floats]:
    """Cholesky factors of the covariance, for every wander and then every noise."""
    walk, choice, independent = parts(found, flips)
    for wander in WANDERS:
        for noise in NOISES:
            covariance = wander**2 * walk + noise**2 * choice + independent
            yield np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def _regressed(
    heights: Floats, highest: Floats, error: Floats, root: Floats
) -> tuple[Floats, Floats, Floats]:
    """Evidence of every curve and the posterior of its level A, uniform in [0, 1 / h(0)].

    Gaussian evidence of a regression through the origin, times the probability that A lies where
    errors at no examples stay within [0, 1].
    """
    white = np.linalg.solve(root, heights.T)
    seen = np.linalg.solve(root, error)
    precision = (white**2).sum(axis=0)
    level = white.T @ seen / precision
    spread = 1.0 / np.sqrt(precision)
    misfit = float(seen @ seen) - level**2 * precision
    inside = _between((0.0 - level) / spread, (1.0 / highest - level) / spread)
    logs = -0.5 * misfit + np.log(spread) + np.log(np.maximum(inside, 1e-300))
    return logs - float(np.log(np.diag(root)).sum()), level, spread


def _between(low: Floats, high: Floats) -> Floats:
    """Probability of a standard normal between two numbers."""
    halves = [
        np.fromiter(map(math.erf, (z / math.sqrt(2.0)).tolist()), dtype=np.float64, count=len(z))
        for z in (low, high)
    ]
    between: Floats = 0.5 * (halves[1] - halves[0])
    return between
