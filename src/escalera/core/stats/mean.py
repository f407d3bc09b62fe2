"""The mean of one system's scores in [0, 1]: estimate, interval, question against a bar.

Three cases, the same for `interval` and `z_statistic`, which invert each other:

binary   every score is 0 or 1: the wider of Wilson's score form and the mid-p binomial; when
         clustered Wilson's, with n divided by the design effect and t for the normal (Korn and
         Graubard 1998; Dean and Pagano 2015).
graded   anything between: cluster-robust mean on t(G-1) (Miller 2024).
bound    graded, but nearly all clusters tie (`Estimate.fragile`): the variance is bounded by
         mean(1 - mean), which holds for every score in [0, 1], and clusters count as one item each;
         read as binary.

t is used with what `skewness` allows for. The earlier rules had neither that nor mid-p.
"""

from __future__ import annotations

import math

from escalera.arrays import np
from escalera.core.stats import clustering, distributions, proportion, skewness
from escalera.core.stats.clustering import Clusters, Estimate, Interval, ScoreRule, Values


def estimate(scores: Values, clusters: Clusters = None) -> Estimate:
    """Return mean, cluster-robust standard error and degrees of freedom of scores in [0, 1].

    `scores` and `clusters` have one entry per item. This is the plain estimate of Miller (2024):
    for a verdict use `interval` or `z_statistic`, which stay honest at 0 %, at 100 % and when all
    scores are equal. ValueError for scores outside [0, 1] or none.
    """
    require_unit_range(scores)
    return clustering.robust_mean(scores, clusters)


def interval(
    scores: Values,
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
    rule: ScoreRule = "skewness allowed",
) -> Interval:
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
        return _wilson(found, alpha, rule)
    if found.fragile:
        return _clipped(found, _share(found, found.clusters, alpha, rule), alpha, "variance-bound")
    return _clipped(found, t_interval(found, alpha=alpha, rule=rule), alpha, "cluster-t")


def z_statistic(
    scores: Values,
    clusters: Clusters = None,
    *,
    bar: float,
    rule: ScoreRule = "skewness allowed",
) -> float:
    """Return the normal deviate of "the mean is at the bar"; positive speaks for "above".

    Agrees with `interval`: |z| reaches the normal quantile exactly when the interval's end
    reaches the bar. t statistics are mapped by tail probability. One cluster gives 0.
    """
    proportion.require_bar(bar)
    found = estimate(scores, clusters)
    if found.clusters == 1 and found.n > 1:
        return 0.0
    if is_binary(scores):
        freedom = _binary_degrees_of_freedom(found)
        size = found.n / clustering.design_effect(found, _binary_variance(found))
        if math.isinf(freedom):
            return _share_z(found, size, bar, rule)
        t = proportion.score_test(found.value * size, size, bar=bar).z
        t = skewness.allow(t, score_skews(found, rule), found.clusters)
        return distributions.z_from_t(t, freedom)
    if found.fragile:
        return _share_z(found, found.clusters, bar, rule)
    t = (found.value - bar) / found.standard_error
    t = skewness.allow(t, graded_skews(found, rule), found.clusters)
    return distributions.z_from_t(t, found.degrees_of_freedom)


def t_interval(
    found: Estimate, *, alpha: float = 0.05, rule: ScoreRule = "skewness allowed"
) -> tuple[float, float]:
    """Return mean -+ t(G-1) * SE, each end as far as the skewness of the clusters asks for.

    For graded values; as `clustering.t_interval` under the earlier rules.
    """
    if found.degrees_of_freedom < 1:
        return clustering.t_interval(found, alpha=alpha)
    critical = distributions.student_t_isf(0.5 * alpha, found.degrees_of_freedom)
    below, above = skewness.ends(critical, graded_skews(found, rule), found.clusters)
    error = found.standard_error
    return found.value - above * error, found.value + below * error


def graded_skews(found: Estimate, rule: ScoreRule) -> tuple[float, ...]:
    """The skewnesses that a t statistic of graded values is to allow for, under a rule."""
    if rule != "skewness allowed":
        return ()
    return skewness.plausible(found.skewness, found.clusters, varying=found.informative)


def score_skews(found: Estimate, rule: ScoreRule) -> tuple[float, ...]:
    """The same for score forms of clusters, which know the skewness of right and wrong."""
    if rule != "skewness allowed":
        return ()
    return (skewness.beyond_noise(found.skewness, found.clusters),)


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


def _share(found: Estimate, size: float, alpha: float, rule: ScoreRule) -> tuple[float, float]:
    """The mean as a share of `size` items: Wilson's interval, or the wider of it and mid-p's."""
    right = min(found.value * size, size)
    wilson = proportion.wilson(right, size, alpha=alpha)
    if rule != "skewness allowed":
        return wilson.lower, wilson.upper
    lower, upper = proportion.mid_p(right, size, alpha=alpha)
    return min(wilson.lower, lower), max(wilson.upper, upper)


def _share_z(found: Estimate, size: float, bar: float, rule: ScoreRule) -> float:
    """The deviate that belongs to `_share`: the one nearer to 0, or 0 between the two."""
    right = min(found.value * size, size)
    wilson = proportion.score_test(right, size, bar=bar).z
    if rule != "skewness allowed":
        return wilson
    exact = proportion.mid_p_z(right, size, bar=bar)
    return min(wilson, exact, key=abs) if wilson * exact > 0.0 else 0.0


def _wilson(found: Estimate, alpha: float, rule: ScoreRule) -> Interval:
    """Wilson on n/deff items, shrunk by (z/t)^2 for the estimated design effect.

    Korn and Graubard (1998): shrinking n by (z/t)^2 inside Wilson's form is the same as
    using t for z in |share - p| <= t * sqrt(p(1-p) deff/n), hence the duality with `z_statistic`.
    """
    size = found.n / clustering.design_effect(found, _binary_variance(found))
    freedom = _binary_degrees_of_freedom(found)
    method = "wilson" if found.clusters == found.n else "wilson-design-effect"
    if math.isinf(freedom):
        return _clipped(found, _share(found, size, alpha, rule), alpha, method)
    z = -distributions.normal_quantile(0.5 * alpha)
    critical = distributions.student_t_isf(0.5 * alpha, freedom)
    below, above = skewness.ends(critical, score_skews(found, rule), found.clusters)

    def shrunk(by: float) -> Interval:
        items = size * (z / by) ** 2
        return proportion.wilson(min(found.value * items, items), items, alpha=alpha)

    return _clipped(found, (shrunk(above).lower, shrunk(below).upper), alpha, method)


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
