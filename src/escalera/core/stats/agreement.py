"""How far raters agree beyond chance: Cohen's kappa and Krippendorff's alpha.

Intervals are jackknives over clusters with t on G-1 degrees of freedom (for kappa Fleiss and Davies
1982), which carry the uncertainty of the chance agreement: it moves with the raters' habits. Where
the jackknife is fragile, as at perfect agreement, the observed disagreement gets the interval of a
share of clusters, as `mean.interval` and Wilson give it, with chance disagreement taken as known.
Measured: 94 to 97 % coverage of 95 % intervals from 30 units on, but 91 % where both raters used a
category for three units of a hundred.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from escalera.core.stats import clustering, jackknife, mean
from escalera.core.stats.clustering import Clusters, Interval

Weights: TypeAlias = Literal["nominal", "linear", "quadratic"]
Metric: TypeAlias = Literal["nominal", "ordinal", "interval"]
Table: TypeAlias = NDArray[np.float64]


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    clusters: Clusters = None,
    *,
    categories: Sequence[Hashable] | None = None,
    weights: Weights = "nominal",
    alpha: float = 0.05,
) -> Interval:
    """Return kappa of two raters who each rated every unit, in [-1, 1].

    kappa = 1 - sum w_ij p_ij / sum w_ij p_i. p_.j (Cohen 1960; weighted 1968), w_ij = [i != j],
    |i - j| or (i - j)^2 by positions in `categories`, which gives the order and is needed for
    the weighted forms. One cluster gives [-1, 1]. ValueError for unequal lengths, a rating outside
    the categories, or raters who used a single category between them: chance agreement is then
    1 and kappa is undefined.
    """
    clustering.require_alpha(alpha)
    table, places = _cross_table(first, second, categories, weights)
    disagreement = _distances(len(table), weights)
    expected = _kappa_parts(table, disagreement)[1]
    if expected <= 0.0:
        raise ValueError(
            f"both raters gave {first[0]!r} to every unit: agreement beyond chance is undefined; "
            "report the plain share of agreement, or rate units that differ"
        )
    groups = jackknife.positions(len(first), clusters)

    def without(group: list[int]) -> float:
        left = table.copy()
        np.subtract.at(left, (places[group, 0], places[group, 1]), 1.0)
        return _beyond_chance(*_kappa_parts(left, disagreement))

    estimate = _beyond_chance(*_kappa_parts(table, disagreement))
    single = disagreement[places[:, 0], places[:, 1]]
    observed = _Observed(single=single, widest=float(disagreement.max()), groups=groups)
    return observed.interval(estimate, expected, without, alpha)


def krippendorff_alpha(
    ratings: Sequence[Sequence[Hashable]],
    clusters: Clusters = None,
    *,
    metric: Metric = "nominal",
    alpha: float = 0.05,
) -> Interval:
    """Return alpha of any number of raters with missing ratings, at most 1.

    `ratings` has one row per unit and one place per rater, None where a rater gave none; numbers
    for the ordinal metric (their order counts) and the interval metric (their distance). alpha =
    1 - D_o / D_e over pairable values (Krippendorff 2011, "Computing Krippendorff's
    alpha-reliability"). Units with fewer than two ratings add nothing; `clusters` has one label
    per unit all the same. The lower end is at least -1. One cluster gives [-1, 1]. ValueError for
    rows of unequal length, no pairable unit, or ratings that are all equal.
    """
    clustering.require_alpha(alpha)
    whole = _codes(ratings, metric)
    if clusters is not None and len(clusters) != len(whole):
        raise ValueError(f"{len(clusters)} cluster labels for {len(whole)} units: pass one each")
    pairable = np.flatnonzero((~np.isnan(whole)).sum(axis=1) >= 2)
    table = whole[pairable]
    if not len(table):
        raise ValueError("no unit has two ratings: agreement needs units rated at least twice")
    labels = None if clusters is None else [clusters[int(i)] for i in pairable]
    single, expected = _alpha_parts(table, metric)
    if expected <= 0.0:
        raise ValueError(
            "all ratings are equal: agreement beyond chance is undefined; report the plain share "
            "of agreement, or rate units that differ"
        )
    groups = jackknife.positions(len(table), labels)

    def without(group: list[int]) -> float:
        left = np.delete(table, group, axis=0)
        if not len(left):
            return math.nan
        disagreements, chance = _alpha_parts(left, metric)
        return _beyond_chance(_weighted(disagreements, left), chance)

    estimate = _beyond_chance(_weighted(single, table), expected)
    observed = _Observed(single=single, widest=_widest(table, metric), groups=groups)
    return observed.interval(estimate, expected, without, alpha)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Observed:
    """Disagreement per unit in [0, widest], and the units of each cluster."""

    single: NDArray[np.float64]
    widest: float
    groups: list[list[int]]

    def interval(
        self, estimate: float, expected: float, without: Callable[[list[int]], float], alpha: float
    ) -> Interval:
        """The jackknife's interval, or that of 1 - D_o / D_e from an interval of D_o."""
        scaled = np.clip(self.single / self.widest, 0.0, 1.0)
        labels = np.zeros(len(scaled), dtype=np.int_)
        for number, group in enumerate(self.groups):
            labels[group] = number

        def bound() -> jackknife.Ends:
            found = mean.interval(scaled, labels, alpha=alpha)
            scale = self.widest / expected
            return 1.0 - found.upper * scale, 1.0 - found.lower * scale

        fragile = mean.estimate(scaled, labels).fragile
        return jackknife.interval(
            estimate, self.groups, without, bound, fragile=fragile, alpha=alpha
        )


# Private: kappa.


def _cross_table(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    categories: Sequence[Hashable] | None,
    weights: Weights,
) -> tuple[Table, NDArray[np.int_]]:
    """Counts of (first, second), and the place of every unit in them."""
    if len(first) != len(second) or not len(first):
        raise ValueError(
            f"{len(first)} and {len(second)} ratings are no pairs: pass both raters' ratings of "
            "the same units, at least one"
        )
    if categories is None:
        if weights != "nominal":
            raise ValueError(f"{weights!r} weights need an order: pass categories from low to high")
        categories = tuple(dict.fromkeys([*first, *second]))
    index = {category: place for place, category in enumerate(categories)}
    for rating in (*first, *second):
        if rating not in index:
            raise ValueError(f"rating {rating!r} is none of the categories {tuple(categories)!r}")
    places = np.array([(index[a], index[b]) for a, b in zip(first, second, strict=True)])
    table = np.zeros((len(index), len(index)))
    np.add.at(table, (places[:, 0], places[:, 1]), 1.0)
    return table, places


def _distances(size: int, weights: Weights) -> Table:
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    match weights:
        case "nominal":
            return np.minimum(steps, 1.0)
        case "linear":
            return steps
        case "quadratic":
            return steps**2
        case _:
            assert_never(weights)


def _kappa_parts(table: Table, disagreement: Table) -> tuple[float, float]:
    n = float(table.sum())
    if n <= 0.0:
        return math.nan, math.nan
    chance = np.outer(table.sum(axis=1), table.sum(axis=0))
    observed = math.fsum((disagreement * table).ravel().tolist()) / n
    return observed, math.fsum((disagreement * chance).ravel().tolist()) / (n * n)


def _beyond_chance(observed: float, expected: float) -> float:
    return 1.0 - observed / expected if expected > 0.0 else math.nan


# Private: alpha.


def _codes(ratings: Sequence[Sequence[Hashable]], metric: Metric) -> Table:
    """Ratings as numbers, nan where missing; nominal ones by order of first appearance."""
    if metric not in ("nominal", "ordinal", "interval"):
        raise ValueError(f"metric {metric!r} is unknown: choose 'nominal', 'ordinal' or 'interval'")
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("rows differ in length: pass one place per rater, None where missing")
    index: dict[Hashable, float] = {}
    table = np.full((len(ratings), len(ratings[0]) if ratings else 0), math.nan)
    for i, row in enumerate(ratings):
        for j, rating in enumerate(row):
            if rating is not None:
                code = index.setdefault(rating, float(len(index)))
                table[i, j] = code if metric == "nominal" else _number(rating, metric)
    return table


def _number(rating: Hashable, metric: Metric) -> float:
    if isinstance(rating, (int, float)) and math.isfinite(rating):
        return float(rating)
    raise ValueError(
        f"rating {rating!r} is no finite number: the {metric} metric needs numbers, None if missing"
    )


def _alpha_parts(table: Table, metric: Metric) -> tuple[NDArray[np.float64], float]:
    """Mean squared distance of the pairs of each unit, and of all pairs of values."""
    if metric == "ordinal":
        table = _mid_ranks(table)
    given = ~np.isnan(table)
    m = given.sum(axis=1)
    sums = np.zeros(len(table))
    for i in range(table.shape[1]):
        for j in range(i):
            both = given[:, i] & given[:, j]
            gap = table[:, i] - table[:, j]
            squared = (gap != 0.0).astype(np.float64) if metric == "nominal" else gap**2
            sums += np.where(both, squared, 0.0)
    return 2.0 * sums / (m * (m - 1)), _chance(table[given], metric)


def _chance(values: NDArray[np.float64], metric: Metric) -> float:
    n = len(values)
    if metric == "nominal":
        _, counts = np.unique(values, return_counts=True)
        return float(n * n - (counts.astype(np.float64) ** 2).sum()) / (n * (n - 1))
    listed = values.tolist()
    centre = math.fsum(listed) / n
    return 2.0 * math.fsum((x - centre) ** 2 for x in listed) / (n - 1)


def _mid_ranks(table: Table) -> Table:
    """Middle of the ranks of each value: their squared gaps are the ordinal metric."""
    given = ~np.isnan(table)
    _, places, counts = np.unique(table[given], return_inverse=True, return_counts=True)
    ranks = np.full(table.shape, math.nan)
    ranks[given] = (np.cumsum(counts) - 0.5 * counts)[places]
    return ranks


def _weighted(single: NDArray[np.float64], table: Table) -> float:
    """D_o: units count by their number of ratings."""
    m = (~np.isnan(table)).sum(axis=1)
    return math.fsum((single * m).tolist()) / float(m.sum())


def _widest(table: Table, metric: Metric) -> float:
    if metric == "nominal":
        return 1.0
    ranks = _mid_ranks(table) if metric == "ordinal" else table
    return float(np.nanmax(ranks) - np.nanmin(ranks)) ** 2
