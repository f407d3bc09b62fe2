"""Learning curves as trends: the log-odds of the error above a floor, with a slope that wanders.

A second opinion beside the families of `shapes`. With x doublings of the data from the largest size
measured, N, and the floor k a share of the error there,

    g(x) = log((e - k) / (1 - e)) = g(0) + the integral of the slope from 0 to x,

where the slope is a usual one, plus what distinguishes the curve, plus an Ornstein-Uhlenbeck
process along x (Rasmussen and Williams 2006, section 4.2). So g is a Gaussian process, measured
errors are linearised at the level of their size, and given floor and noise all is a linear Gaussian
regression. Floors and noises are a grid, weighted by the evidence: nothing is sampled to fit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from escalera.core.finetuning.curve_prior import NOISES
from escalera.core.finetuning.shapes import Floats
from escalera.core.finetuning.trainings import Points, overlap_correlation

FLOORS: tuple[float, ...] = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
"""Floors as shares of the error at the largest size."""

_LEVEL_VARIANCE = 4.0
_JITTER = 1e-6
_FAR = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPrior:
    """Beliefs about a trend, learned from other tasks.

    `slope`: of the log-odds a doubling, usually; `between` curves it differs by a standard
    deviation, and along one it wanders by `within`, correlated over `length` doublings. `floor`:
    Beta distribution of the floor's share. `noise` and `flat`: as in `curve_prior.CurvePrior`.
    """

    slope: float = -0.45
    between: float = 0.2
    within: float = 0.15
    length: float = 2.0
    floor: tuple[float, float] = (2.0, 7.4)
    noise: tuple[float, float] = (0.03, 0.7)
    flat: float = 0.02


LEARNED = TrendPrior(
    slope=-0.622,
    between=0.068,
    within=0.133,
    length=1.28,
    floor=(2.287, 11.418),
    noise=(0.019, 0.601),
)
"""What `bench.data_need` learns from eighteen tasks on seven real data sets, none of the judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """Trends with weights that sum to 1, at `examples`: one row each.

    `mean` and `deviation` are of g at each size; `floor` and `noise` are the trend's.
    """

    examples: Floats
    weight: Floats
    floor: Floats
    noise: Floats
    mean: Floats
    deviation: Floats


def fit(found: Points, examples: Sequence[float], flips: float, prior: TrendPrior) -> Trends:
    """Return the trends that go with what was measured, continued to `examples`."""
    at = np.asarray(examples, dtype=np.float64)
    share, noise = (axis.ravel() for axis in np.meshgrid(FLOORS, NOISES, indexing="ij"))
    seen = _Seen.of(found, flips)
    floor = share * seen.level[-1]
    none, every = np.zeros(len(NOISES)), np.array(NOISES)
    both = np.concatenate([seen.doublings, np.log2(at / found.largest)])
    still = replace(prior, slope=0.0, between=0.0, within=0.0)
    rising, flat = (
        _regressed(seen, *grid, both, belief)
        for grid, belief in (((floor, noise), prior), ((none, every), still))
    )
    logs = np.concatenate([rising[0], flat[0]]) + _log_prior(prior)
    weight = np.exp(logs - logs.max())
    return Trends(
        examples=at,
        weight=weight / weight.sum(),
        floor=np.concatenate([floor, none]),
        noise=np.concatenate([noise, every]),
        mean=np.concatenate([rising[1], flat[1]]),
        deviation=np.concatenate([rising[2], flat[2]]),
    )


def errors(found: Trends, which: NDArray[np.int_], normals: Floats) -> Floats:
    """Return drawn errors, a row for each trend in `which`, from a standard normal number each."""
    moved = found.mean[which] + found.deviation[which] * normals[:, None]
    odds = np.exp(np.clip(moved, -_FAR, _FAR))
    floor = found.floor[which, None]
    error: Floats = (odds + floor) / (1.0 + odds)
    return error


# Private.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Means by size: what a regression is made of.

    `choice` and `flips` are covariances of the means in shares of e (1 - e), for a noise of 1.
    """

    doublings: Floats
    error: Floats
    level: Floats
    choice: Floats
    flips: Floats

    @staticmethod
    def of(found: Points, flips: float) -> "_Seen":
        sizes, first = np.unique(found.examples, return_index=True)
        mean = (found.examples[None, :] == sizes[:, None]).astype(np.float64)
        mean /= mean.sum(axis=1, keepdims=True)
        size = np.sqrt(found.largest / found.examples)
        choice = np.outer(size, size) * overlap_correlation(found)
        return _Seen(
            doublings=np.log2(sizes / found.largest),
            error=(mean @ found.error * found.items + 0.5) / (found.items + 1.0),
            level=found.level[first],
            choice=mean @ choice @ mean.T,
            flips=flips / found.items * (mean @ mean.T),
        )


def _regressed(
    seen: _Seen, floor: Floats, noise: Floats, doublings: Floats, prior: TrendPrior
) -> tuple[Floats, Floats, Floats]:
    """Log evidence of each floor with its noise, and mean and deviation of g at sizes ahead.

    `doublings`: of the sizes seen, then of those ahead.
    """
    count, level, total = len(seen.doublings), seen.level, _wandering(doublings, prior)
    steep = 1.0 / (level - floor[:, None]) + 1.0 / (1.0 - level)
    odds = np.log((level - floor[:, None]) / (1.0 - level))
    scale = np.sqrt(level * (1.0 - level)) * steep
    scatter = noise[:, None, None] ** 2 * seen.choice + seen.flips
    scatter = scale[:, :, None] * scale[:, None, :] * scatter + _JITTER * np.eye(count)
    inverse = np.linalg.inv(np.linalg.cholesky(total[:count, :count] + scatter))
    usual = prior.slope * doublings
    gap = odds + steep * (seen.error - level) - odds[:, -1:] - usual[:count]
    white, across = np.einsum("rij,rj->ri", inverse, gap), inverse @ total[:count, count:]
    logs = np.log(np.diagonal(inverse, axis1=1, axis2=2) * steep).sum(axis=1)
    mean = odds[:, -1:] + usual[count:] + np.einsum("rit,ri->rt", across, white)
    left = np.diag(total)[count:] - (across**2).sum(axis=1)
    return logs - 0.5 * (white**2).sum(axis=1), mean, np.sqrt(np.maximum(left, 0.0))


def _wandering(doublings: Floats, prior: TrendPrior) -> Floats:
    """Covariance of g: its level, a slope of the curve's own, and the integral that wanders."""
    own = prior.between**2 * np.outer(doublings, doublings)
    apart = _spread(doublings[:, None] - doublings[None, :], prior.length)
    alone = _spread(doublings, prior.length)
    total: Floats = (
        _LEVEL_VARIANCE + own + 0.5 * prior.within**2 * (alone[:, None] + alone[None, :] - apart)
    )
    return total


def _spread(distance: Floats, length: float) -> Floats:
    """Variance of the integral of an Ornstein-Uhlenbeck process of variance 1 over a distance."""
    far = np.abs(distance) / length
    variance: Floats = 2.0 * length**2 * (far - 1.0 + np.exp(-far))
    return variance


def _log_prior(prior: TrendPrior) -> Floats:
    """Of floors and noises, then of flat curves and noises."""
    middles = (np.arange(2000) + 0.5) / 2000.0
    first, second = prior.floor
    mass = np.exp((first - 1.0) * np.log(middles) + (second - 1.0) * np.log1p(-middles))
    edges = 0.5 * (np.array(FLOORS[1:]) + np.array(FLOORS[:-1]))
    shares = np.bincount(np.searchsorted(edges, middles), mass, minlength=len(FLOORS))
    floors = np.log(np.maximum(shares / mass.sum(), 1e-12))
    median, spread = prior.noise
    noises = -0.5 * ((np.log(np.array(NOISES)) - math.log(median)) / spread) ** 2
    noises -= math.log(float(np.exp(noises).sum()))
    falling = (floors[:, None] + noises[None, :]).ravel() + math.log1p(-prior.flat)
    return np.concatenate([falling, noises + math.log(prior.flat)])
