"""Several measurements per item: how much of the error is sampling noise, and is more worth it.

Measurement j of item i is mu + a_i + e_ij with variance `between` of a and `within` of e: one-way
random effects, repeats may differ in number (Searle, Casella and McCulloch 1992, chapter 3; Miller
2024, arXiv 2411.00640, section 3.1). Repeats never replace items: with n items the variance of the
mean stays above between / n however often each is repeated. For verdicts pass `item_means` to
`mean` or `paired` with the items' clusters; the error of item means already holds both parts.

Lowering the temperature to shrink `within` changes the system that is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.stats import clustering
from escalera.core.stats.clustering import Clusters, Estimate, Values

_MOST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The mean over items, and the variances of one item and of one measurement.

    `estimate` is of item means and cluster-robust. `noise`: the part of its squared error due to
    finite repeats, within * sum(1/K_i) / n^2; `noise_share`: of the whole, in [0, 1].
    `design_effect`: of clusters on the part between items, at least 1.
    """

    estimate: Estimate
    between: float
    within: float
    noise: float
    noise_share: float
    design_effect: float
    measurements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedComponents:
    """What the difference of two systems varies by: truly between items, and by noise of each.

    Feeds `power.difference_variance`. `between` is omega^2 of Miller (2024).
    """

    estimate: Estimate
    between: float
    candidate_within: float
    baseline_within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Repeats per item that buy the most precision for a price.

    `relative_price`: of the same precision, against one measurement per item (1 when that is best).
    """

    repeats: int
    relative_price: float


def item_means(measured: Sequence[Values]) -> tuple[float, ...]:
    """Return the mean of every item's measurements; ValueError for an item without any."""
    return tuple(math.fsum(item) / len(item) for item in _items(measured))


def components(measured: Sequence[Values], clusters: Clusters = None) -> Components:
    """Return the variances between items and within them; one sequence per item.

    Analysis of variance: within = SS_w / (N - n), between = (MS_b - within) / k_0 with
    k_0 = (N - sum K_i^2 / N) / (n - 1), not below 0 (Searle, Casella and McCulloch 1992, section
    3.6). `clusters` has one label per item. ValueError for fewer than two items, or if no item
    was measured twice.
    """
    items = _items(measured)
    between, within = _variances(items)
    estimate = clustering.robust_mean(item_means(items), clusters)
    n = len(items)
    noise = within * math.fsum(1.0 / len(item) for item in items) / n**2
    square = estimate.standard_error**2
    effect = (square - noise) * n / between if between > 0 and math.isfinite(square) else 1.0
    return Components(
        estimate=estimate,
        between=between,
        within=within,
        noise=noise,
        noise_share=min(1.0, noise / square) if square > 0 else 0.0,
        design_effect=max(1.0, effect) if estimate.clusters < n else 1.0,
        measurements=sum(len(item) for item in items),
    )


def paired_components(
    candidate: Sequence[Values], baseline: Sequence[Values], clusters: Clusters = None
) -> PairedComponents:
    """Return what the difference of item means varies by, two systems on common items.

    between = var(difference of item means) - mean(s_A^2 / K_A,i) - mean(s_B^2 / K_B,i), not below 0
    (Miller 2024, section 3.1): repeats of the two systems are independent. ValueError for different
    numbers of items, or a system of which no item was measured twice.
    """
    if len(candidate) != len(baseline):
        raise ValueError(
            f"{len(candidate)} items of the candidate and {len(baseline)} of the baseline are no "
            "pairs: pass the measurements of the common items, in the same order"
        )
    first, second = _items(candidate), _items(baseline)
    differences = [a - b for a, b in zip(item_means(first), item_means(second), strict=True)]
    plain = clustering.robust_mean(differences)
    noises = [_variances(items)[1] for items in (first, second)]
    n = len(first)
    noise = math.fsum(
        within * math.fsum(1.0 / len(item) for item in items) / n
        for within, items in zip(noises, (first, second), strict=True)
    )
    return PairedComponents(
        estimate=clustering.robust_mean(differences, clusters),
        between=max(0.0, plain.standard_error**2 * n - noise),
        candidate_within=noises[0],
        baseline_within=noises[1],
    )


def variance_of_mean(found: Components, *, items: int, repeats: int) -> float:
    """Return design_effect * between / n + within / (n K), for a run yet to be made."""
    if items < 1 or repeats < 1:
        raise ValueError(
            f"items {items!r} and repeats {repeats!r} must be at least 1: plan for one of each"
        )
    return (found.design_effect * found.between + found.within / repeats) / items


def advise(found: Components, *, item_price: float, repeat_price: float) -> Advice:
    """Return the repeats per item, 1 to 64, that reach any precision at the least price.

    `item_price`: of one more item without answering it (finding, writing, labelling);
    `repeat_price`: of answering and scoring once; in the same money. Minimises
    (between + within / K) (item_price + K repeat_price) over whole K, near the root of
    within / between * item_price / repeat_price (Cochran 1977, section 10.6). With free items one
    measurement each is best. ValueError for prices below 0, or repeats that cost nothing.
    """
    if not (item_price >= 0 and repeat_price > 0):
        raise ValueError(
            f"item_price {item_price!r} must not be negative and repeat_price {repeat_price!r} "
            "must be positive: pass prices per item and per measurement"
        )
    between = found.design_effect * found.between
    efforts = [
        (between + found.within / k) * (item_price + k * repeat_price) for k in range(1, _MOST + 1)
    ]
    best = min(efforts)
    return Advice(
        repeats=efforts.index(best) + 1,
        relative_price=best / efforts[0] if efforts[0] > 0 else 1.0,
    )


# Private.


def _items(measured: Sequence[Values]) -> list[list[float]]:
    items = [[float(x) for x in item] for item in measured]
    for position, item in enumerate(items):
        if not item or not all(math.isfinite(x) for x in item):
            raise ValueError(
                f"measurements {item!r} of the item at position {position} have no mean: leave "
                "items without a score out and report them as unscored"
            )
    return items


def _variances(items: list[list[float]]) -> tuple[float, float]:
    """Between and within by analysis of variance."""
    n, total = len(items), sum(len(item) for item in items)
    if n < 2 or total == n:
        raise ValueError(
            f"{total!r} measurements of {n!r} items do not tell noise from items: measure at least "
            "one of two or more items twice"
        )
    means = item_means(items)
    grand = math.fsum(x for item in items for x in item) / total
    inside = math.fsum((x - m) ** 2 for item, m in zip(items, means, strict=True) for x in item)
    outside = math.fsum(len(item) * (m - grand) ** 2 for item, m in zip(items, means, strict=True))
    within = inside / (total - n)
    weight = (total - sum(len(item) ** 2 for item in items) / total) / (n - 1)
    return max(0.0, (outside / (n - 1) - within) / weight), within
