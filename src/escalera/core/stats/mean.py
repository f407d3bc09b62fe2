"""The mean of one system's scores in [0, 1]: estimate, interval, question against a bar.

Three cases, the same for `interval` and `z_statistic`, which invert each other:

binary   every score is 0 or 1: Wilson's score form, with n divided by the design effect and t for
         the normal when clustered (Korn and Graubard 1998; Dean and Pagano 2015).
graded   anything between: cluster-robust mean on t(G-1) (Miller 2024).
bound    graded, but nearly all clusters tie (`Estimate.fragile`): the variance is bounded by
         mean(1 - mean), which holds for every score in [0, 1], and clusters count as one item each.
"""

import math

import numpy as np

from escalera.core.stats import clustering, distributions, proportion
from escalera.core.stats.clustering import Clusters, Estimate, Interval, Values


def estimate(scores: Values, clusters: Clusters = None) -> Estimate:
    """Return mean, cluster-robust standard error and degrees of freedom of scores in [0, 1].

    `scores` and `clusters` have one entry per item. This is the plain estimate of Miller (2024):
    for a verdict use `interval` or `z_statistic`, which stay honest at 0 %, at 100 % and when all
    scores are equal. ValueError for scores outside [0, 1] or none.
    """
    require_unit_range(scores)
    return clustering.robust_mean(scores, clusters)


def interval(scores: Values, clusters: Clusters = None, *, alpha: float = 0.05) -> Interval:
    """Return a confidence interval of the mean inside [0, 1].

    With a single cluster nothing is known about other clusters: the interval is [0, 1], not an
    error, because a first look may well hold one document only. For a group-sequential look pass
    ``alpha=reading.nominal_alpha``: the result is then a repeated confidence interval.
    """
    found = estimate(scores, clusters)
    clustering.require_alpha(alpha)
    if found.clusters == 1 and found.n > 1:
        return _clipped(found, (0.0, 1.0), alpha, "one-cluster")
    if is_binary(scores):
        return _wilson(found, alpha)
    if found.fragile:
        size = float(found.clusters)
        wide = proportion.wilson(found.value * size, size, alpha=alpha)
        return _clipped(found, (wide.lower, wide.upper), alpha, "variance-bound")
    return _clipped(found, clustering.t_interval(found, alpha=alpha), alpha, "cluster-t")


def z_statistic(scores: Values, clusters: Clusters = None, *, bar: float) -> float:
    """Return the normal deviate of "the mean is at the bar"; positive speaks for "above".

    Agrees with `interval`: |z| reaches the normal quantile exactly when the interval's end
    reaches the bar. t statistics are mapped by tail probability. One cluster gives 0.
    """
    proportion.require_bar(bar)
    found = estimate(scores, clusters)
    if found.clusters == 1 and found.n > 1:
        return 0.0
    if is_binary(scores):
        size = found.n / clustering.design_effect(found, _binary_variance(found))
        z = (found.value - bar) / math.sqrt(bar * (1.0 - bar) / size)
        return distributions.z_from_t(z, _binary_degrees_of_freedom(found))
    if found.fragile:
        return (found.value - bar) / math.sqrt(bar * (1.0 - bar) / found.clusters)
    t = (found.value - bar) / found.standard_error
    return distributions.z_from_t(t, found.degrees_of_freedom)


def is_binary(scores: Values) -> bool:
    """Return whether every score is exactly 0 or 1."""
    array = np.asarray(scores, dtype=np.float64)
    return bool(((array == 0.0) | (array == 1.0)).all())


def require_unit_range(scores: Values) -> None:
    """Raise ValueError unless every finite score lies in [0, 1]."""
    array = np.asarray(scores, dtype=np.float64)
    outside = np.flatnonzero((array < 0.0) | (array > 1.0))
    if outside.size:
        position = int(outside[0])
        raise ValueError(
            f"score {float(array.reshape(-1)[position])!r} at position {position} lies outside "
            "[0, 1]: rescale the scorer by its true bounds before it is recorded"
        )


# Private.


def _wilson(found: Estimate, alpha: float) -> Interval:
    """Wilson on n/deff items, shrunk by (z/t)^2 for the estimated design effect.

    Korn and Graubard (1998): shrinking n by (z/t)^2 inside Wilson's form is the same as
    using t for z in |share - p| <= t * sqrt(p(1-p) deff/n), hence the duality with `z_statistic`.
    """
    size = found.n / clustering.design_effect(found, _binary_variance(found))
    freedom = _binary_degrees_of_freedom(found)
    if not math.isinf(freedom):
        z = -distributions.normal_quantile(0.5 * alpha)
        size *= (z / distributions.student_t_isf(0.5 * alpha, freedom)) ** 2
    wide = proportion.wilson(found.value * size, size, alpha=alpha)
    method = "wilson" if found.clusters == found.n else "wilson-design-effect"
    return _clipped(found, (wide.lower, wide.upper), alpha, method)


def _binary_variance(found: Estimate) -> float:
    return found.value * (1.0 - found.value)


def _binary_degrees_of_freedom(found: Estimate) -> float:
    """Those of the estimated design effect; infinite when the variance is the null's alone.

    G-1, but at most twice the informative clusters. Near 0 % or 100 % a few exceptional clusters
    carry the whole variance; their number is about Poisson, so the estimate's relative variance is
    1/informative, which is that of a chi-square on 2 * informative (Satterthwaite 1946). Without it
    a 95 % interval covers 85 to 90 % at 98 % right with forty strongly alike clusters.
    """
    if found.clusters == found.n or not 0.0 < found.value < 1.0:
        return math.inf
    return float(max(1, min(found.degrees_of_freedom, 2 * found.informative)))


def _clipped(found: Estimate, ends: tuple[float, float], alpha: float, method: str) -> Interval:
    return Interval(
        estimate=found.value,
        lower=max(0.0, ends[0]),
        upper=min(1.0, ends[1]),
        alpha=alpha,
        method=method,
    )
