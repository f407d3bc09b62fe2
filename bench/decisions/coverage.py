"""Coverage of 95 % intervals of a paired difference: clusters, small samples, the edges.

Simulated, because the truth must be known: two systems whose scores come from normal variables that
share clusters and items, turned into right/wrong, five grades or continuous scores with known
means. An interval covers when the library's z at the true difference is within its critical value,
to which it is dual; `agreement` checks the deviates.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats
from bench.decisions import agreement, deviate
from bench.decisions.deviate import Floats, Runs

KINDS = ("right/wrong", "five grades", "continuous")
CRITICAL = 1.959963984540054
_PART = 500
_LATENT = np.linspace(-9.0, 9.0, 1 << 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cell of the grid: coverage of our interval, and of one that ignores the clusters."""

    kind: str
    clusters: int
    size: int
    alike: float
    rate: float
    runs: int
    covered: float
    ignoring: float

    @property
    def noise(self) -> float:
        """Three standard errors of a coverage of 95 %."""
        return 3.0 * float(np.sqrt(0.95 * 0.05 / self.runs))


def run(*, runs: int, seed: int) -> list[Row]:
    """Return the grid: clusters (at least 20) by size by ICC by base rate by kind; n >= 50."""
    rows = []
    grid = itertools.product(KINDS, (20, 50, 200), (1, 3, 10), (0.0, 0.3, 0.5), (0.02, 0.1, 0.5))
    for kind, clusters, size, alike, rate in grid:
        if clusters * size < 50 or (size == 1 and alike > 0):
            continue
        rng = np.random.default_rng([seed, 73, len(rows)])
        rows.append(_cell(kind, clusters, size, alike, rate, runs, rng))
    return rows


def steps(values: Floats, clusters: int, size: int, *, binary: bool) -> Runs:
    """The differences as runs: a step is a cluster, or an item where clusters have one."""
    if size == 1:
        return deviate.unclustered(values, binary=binary)

    def summed(x: Floats) -> Floats:
        return x.reshape(len(x), clusters, size).sum(axis=2)

    return Runs(
        items=values,
        sums=summed(values),
        sizes=np.full((len(values), clusters), float(size)),
        gains=summed(np.maximum(values, 0.0)),
        losses=summed(np.maximum(-values, 0.0)),
        binary=binary,
        largest=size,
    )


def drawn(kind, clusters, size, alike, rates, count, rng) -> Floats:  # noqa: PLR0913
    """Differences of two systems; a share `alike` of each latent variance lies in the cluster.

    Systems share half of the variance of clusters and half of that of items.
    """
    group, item = (count, clusters, 1), (count, clusters, size)
    of_clusters, of_items = rng.normal(size=group), rng.normal(size=item)
    scores = []
    for rate in rates:
        between = np.sqrt(0.5) * (of_clusters + rng.normal(size=group))
        within = np.sqrt(0.5) * (of_items + rng.normal(size=item))
        latent = np.sqrt(alike) * between + np.sqrt(1.0 - alike) * within
        scores.append(_scores(kind, latent.reshape(count, -1), rate))
    return scores[0] - scores[1]


# Private.


def _cell(kind, clusters, size, alike, rate, runs, rng) -> Row:  # noqa: PLR0913
    better = rate + 0.2 * rate * (1.0 - rate)
    truth = better - rate
    inside = plain = 0
    for start in range(0, runs, _PART):
        count = min(_PART, runs - start)
        values = drawn(kind, clusters, size, alike, (better, rate), count, rng)
        found = steps(values, clusters, size, binary=kind == "right/wrong")
        if start == 0:
            agreement.check_deviates(found, (truth, 0.0), sample=2)
        last = deviate.prefixes(found, np.array([clusters]))
        # One z is mapped from t, so that a single critical value serves.
        inside += int((np.abs(deviate.z(last, truth)) <= CRITICAL).sum())
        error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        plain += int((np.abs(values.mean(axis=1) - truth) <= CRITICAL * error).sum())
    return Row(
        kind=kind,
        clusters=clusters,
        size=size,
        alike=alike,
        rate=rate,
        runs=runs,
        covered=inside / runs,
        ignoring=plain / runs,
    )


@functools.cache
def _quantiles(rate: float) -> Floats:
    """Of a beta variable with the mean `rate`, at the chances of the latent grid."""
    return scipy.special.betaincinv(2.0 * rate, 2.0 * (1.0 - rate), scipy.special.ndtr(_LATENT))


def _scores(kind: str, latent: Floats, rate: float) -> Floats:
    """Scores with the mean `rate`: exactly, and within 1e-7 where they are interpolated."""
    if kind == "right/wrong":
        return (latent < scipy.stats.norm.ppf(rate)).astype(np.float64)
    if kind == "five grades":
        # Four cuts; the chance to be above each is that of a binomial of 4 with this rate.
        cuts = scipy.stats.norm.ppf(scipy.stats.binom.sf(np.arange(4), 4, rate))
        return sum((latent < cut).astype(np.float64) for cut in cuts) / 4.0
    return np.interp(latent, _LATENT, _quantiles(rate))
