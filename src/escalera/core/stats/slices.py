"""Many slices of one question: all of them reported, together honest, small ones shrunk.

Each slice has its own interval at alpha over the number of slices (Bonferroni), so that picking the
worst or best one afterwards stays covered, and a partially pooled estimate, which errs less in
total than the slice means do: most for slices with few items.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from escalera.core.stats import clustering, mean, paired
from escalera.core.stats.clustering import Clusters, Estimate, Interval, Values

_BISECTIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One slice: its simultaneous interval around the plain mean, and the pooled estimate.

    `pooled` = weight * mean + (1 - weight) * common mean. It has no interval of its own: decide on
    `interval`, rank and plan by `pooled`.
    """

    name: Hashable
    n: int
    clusters: int
    interval: Interval
    pooled: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All slices in order of first appearance, and what they have in common.

    `common`: precision-weighted mean of the slice means. `between`: standard deviation of the
    true slice means around it, in points of score; 0 when they differ no more than by chance.
    """

    slices: tuple[Slice, ...]
    common: float
    between: float


def means(
    scores: Values, names: Sequence[Hashable], clusters: Clusters = None, *, alpha: float = 0.05
) -> Table:
    """Return the table of one system's scores in [0, 1] by slice.

    All intervals cover together with probability 1 - alpha. ValueError for lengths that differ.
    """
    clustering.require_alpha(alpha)
    mean.require_unit_range(scores)
    places = _places(names, {"scores": len(scores)}, clusters)
    values = np.asarray(scores, dtype=np.float64)
    each = alpha / len(places)
    rows = []
    for name, index in places.items():
        labels = _labels(clusters, index)
        found = clustering.robust_mean(values[index], labels)
        rows.append(_Row(name, found, mean.interval(values[index], labels, alpha=each)))
    return _table(rows)


def differences(
    candidate: Values,
    baseline: Values,
    names: Sequence[Hashable],
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
) -> Table:
    """Return the table of candidate - baseline by slice, both scores in [0, 1] on common items.

    All intervals cover together with probability 1 - alpha. ValueError for lengths that differ.
    """
    clustering.require_alpha(alpha)
    lengths = {"candidate scores": len(candidate), "baseline scores": len(baseline)}
    places = _places(names, lengths, clusters)
    first = np.asarray(candidate, dtype=np.float64)
    second = np.asarray(baseline, dtype=np.float64)
    each = alpha / len(places)
    rows = []
    for name, index in places.items():
        labels = _labels(clusters, index)
        found = paired.difference(first[index], second[index], labels)
        interval = paired.interval(first[index], second[index], labels, alpha=each)
        rows.append(_Row(name, found, interval))
    return _table(rows)


def between_variance(estimates: Sequence[float], variances: Sequence[float]) -> float:
    """Return tau^2, the variance of true values behind estimates of known sampling variances.

    The root of sum_j (x_j - x(tau))^2 / (v_j + tau^2) = m - 1, x(tau) the weighted mean, and 0
    when the left side is below it at tau = 0 (Paule and Mandel 1982; recommended over DerSimonian
    and Laird by Veroniki et al. 2016). The left side falls in tau^2, so the root is bisected.
    ValueError unless there is one positive variance per estimate.
    """
    _require_variances(estimates, variances)
    target = len(estimates) - 1.0
    if _heterogeneity(estimates, variances, 0.0) <= target:
        return 0.0
    low, high = 0.0, max(variances)
    while _heterogeneity(estimates, variances, high) > target:
        high *= 2.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if _heterogeneity(estimates, variances, middle) > target:
            low = middle
        else:
            high = middle
    return high


# Private.


class _Row(NamedTuple):
    name: Hashable
    found: Estimate
    interval: Interval


def _places(
    names: Sequence[Hashable], lengths: dict[str, int], clusters: Clusters
) -> dict[Hashable, list[int]]:
    if clusters is not None:
        lengths = lengths | {"cluster labels": len(clusters)}
    for what, length in lengths.items():
        if length != len(names) or not names:
            raise ValueError(
                f"{length} {what} for {len(names)} slice names: pass one of each per item, at "
                "least one"
            )
    places: dict[Hashable, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    return places


def _labels(clusters: Clusters, index: list[int]) -> list[Hashable] | None:
    return None if clusters is None else [clusters[i] for i in index]


def _table(rows: list[_Row]) -> Table:
    plain = [row.found.value for row in rows]
    sampling = _sampling_variances([row.found for row in rows])
    if sampling is None:
        tau2, weights, common = 0.0, [1.0] * len(rows), math.fsum(plain) / len(plain)
    else:
        tau2 = between_variance(plain, sampling)
        common = _centre(plain, sampling, tau2)
        weights = [tau2 / (tau2 + v) for v in sampling]
    return Table(
        slices=tuple(
            Slice(
                name=row.name,
                n=row.found.n,
                clusters=row.found.clusters,
                interval=row.interval,
                pooled=w * row.found.value + (1.0 - w) * common,
                weight=w,
            )
            for row, w in zip(rows, weights, strict=True)
        ),
        common=common,
        between=math.sqrt(tau2),
    )


def _sampling_variances(found: list[Estimate]) -> list[float] | None:
    """Per slice s^2 / G_j with one s^2 for all, None if nothing varies within any slice.

    A slice of five right answers has no variance of its own; taking it at its word would give
    it all the weight. Variance of a cluster's contribution is pooled over slices (Ghosh and Rao
    1994, smoothing of sampling variances in small-area estimation).
    """
    freedom = math.fsum(f.clusters - 1 for f in found)
    total = math.fsum(
        (f.clusters - 1) * f.clusters * f.standard_error**2 for f in found if f.clusters > 1
    )
    if freedom < 1 or total <= 1e-15 * freedom:
        return None
    return [total / freedom / f.clusters for f in found]


def _centre(estimates: Sequence[float], variances: Sequence[float], tau2: float) -> float:
    weights = [1.0 / (v + tau2) for v in variances]
    return math.fsum(w * x for w, x in zip(weights, estimates, strict=True)) / math.fsum(weights)


def _heterogeneity(estimates: Sequence[float], variances: Sequence[float], tau2: float) -> float:
    centre = _centre(estimates, variances, tau2)
    return math.fsum(
        (x - centre) ** 2 / (v + tau2) for x, v in zip(estimates, variances, strict=True)
    )


def _require_variances(estimates: Sequence[float], variances: Sequence[float]) -> None:
    if not estimates or len(estimates) != len(variances):
        raise ValueError(
            f"{len(variances)} variances for {len(estimates)} estimates: pass one each, at least 1"
        )
    for position, v in enumerate(variances):
        if not 0.0 < v < math.inf:
            raise ValueError(
                f"variance {v!r} at position {position} must be positive and finite: pool it over "
                "slices when one of them does not vary"
            )
