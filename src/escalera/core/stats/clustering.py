"""What a mean of items gives: a value, its cluster-robust error and how far to trust it.

This module knows sums over clusters and nothing of what the values mean; `mean` and `paired`
add that. Sums use ``math.fsum``: exactly rounded, hence the same bits on every machine and in
every order of the items.
"""

from __future__ import annotations

import array as packed
import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from escalera.arrays import np
from escalera.core.stats import distributions

if TYPE_CHECKING:
    from numpy.typing import NDArray

Values: TypeAlias = "Sequence[float] | NDArray[np.float64]"
Clusters: TypeAlias = "Sequence[Hashable] | NDArray[np.int_] | None"
ScoreRule: TypeAlias = Literal["held effect", "wider of two", "skewness allowed"]
"""How scores are read by `mean` and `paired`. "skewness allowed" is theirs; the others, until
November 2026, are kept for what was recorded under them.

held effect       clustered right/wrong pairs: counts divided by a design effect that is raised to
                  1 where it is less, with t in any case
wider of two      the wider of that, with an effect that may be less than 1 where enough clusters
                  differ, and of the items alone
skewness allowed  the same, with any number of clusters that differ; and no reading takes skewed
                  scores, or few of them, for surer than they are (`skewness`,
                  `proportion.mid_p_z`); looks keep a tenth of alpha back
"""

_ENOUGH_INFORMATIVE = 10
_NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean with its standard error.

    `clusters` counts the independent units (items when unclustered). `informative` counts the
    clusters whose mean differs from the commonest cluster mean: a normal approximation is fed by
    those, not by ties. `skewness` is that of the clusters' sums about the mean: 0 where they do not
    vary. With one cluster the error is infinite and there are 0 degrees of freedom.
    """

    value: float
    standard_error: float
    degrees_of_freedom: int
    n: int
    clusters: int
    informative: int
    skewness: float = 0.0

    @property
    def fragile(self) -> bool:
        """Whether too few clusters vary for the standard error to be believed.

        True when fewer than ten clusters, and fewer than half of them, are informative: all
        scores equal, or a handful of exceptions among ties. The estimated error is then near
        zero and certainty would be claimed that the data do not hold; callers use a bound on the
        variance instead.
        """
        return self.informative < min(_ENOUGH_INFORMATIVE, self.clusters / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval; `alpha` is its two-sided error and `method` the formula used."""

    estimate: float
    lower: float
    upper: float
    alpha: float
    method: str


def robust_mean(values: Values, clusters: Clusters = None) -> Estimate:
    """Return the mean of finite values with its cluster-robust standard error.

    SE^2 = G/(G-1) * sum_c (sum_{i in c} (x_i - mean))^2 / n^2 on G-1 degrees of freedom (Miller
    2024, arXiv 2411.00640; the small-sample factor of Cameron and Miller 2015). Without clusters
    every item is its own and this is the textbook s^2/n. ValueError for no values, values that are
    not finite, or a different number of cluster labels.
    """
    items = _as_floats(values)
    n, value = len(items), math.fsum(items) / len(items)
    if clusters is None:  # what follows without a list per item
        count = n
        means = Counter(round(x, 12) for x in items)
        rests = packed.array("d", (x - value for x in items))
    else:
        groups = _group(items, clusters)
        count = len(groups)
        means = Counter(round(math.fsum(group) / len(group), 12) for group in groups)
        rests = packed.array("d", (math.fsum(x - value for x in group) for group in groups))
    squares = math.fsum(rest**2 for rest in rests)
    error = math.sqrt(count / (count - 1) * squares) / n if count > 1 else math.inf
    return Estimate(
        value=value,
        standard_error=error,
        degrees_of_freedom=count - 1,
        n=n,
        clusters=count,
        informative=count - max(means.values()),
        skewness=_skewness(rests, squares),
    )


def groups(values: Values, clusters: Clusters = None) -> list[list[float]]:
    """Return finite values by cluster, in the order in which labels first occur.

    Without labels every value is its own cluster. ValueError as in `robust_mean`.
    """
    return _group(_as_floats(values), clusters)


def design_effect(estimate: Estimate, variance: float, *, least: float = 1.0) -> float:
    """Return how many times clustering multiplies the variance of the mean, at least *least*.

    `variance` is that of one item under independence, e.g. p(1-p) for a share (Kish 1965; capped
    at 1 from below because a lucky negative correlation is no evidence). 1 without clusters.
    With variance 0 nothing can be learned about correlation: items of a cluster are then taken
    as copies of each other, so that the effective sample is the number of clusters.
    """
    if estimate.clusters == estimate.n:
        return 1.0
    if variance <= 1e-15 or estimate.clusters < 2:
        return estimate.n / estimate.clusters
    return max(least, estimate.standard_error**2 * estimate.n / variance)


def t_interval(estimate: Estimate, *, alpha: float = 0.05) -> tuple[float, float]:
    """Return mean -+ t(G-1) * SE at two-sided error alpha; unbounded with one cluster.

    Miller 2024, with t instead of the normal because clusters may be few.
    """
    require_alpha(alpha)
    if estimate.degrees_of_freedom < 1:
        return -math.inf, math.inf
    half = distributions.student_t_isf(0.5 * alpha, estimate.degrees_of_freedom)
    half *= estimate.standard_error
    return estimate.value - half, estimate.value + half


def require_alpha(alpha: float) -> None:
    """Raise ValueError unless alpha is a two-sided error probability strictly inside (0, 1)."""
    if not 0.0 < alpha < 1.0:
        raise ValueError(
            f"alpha {alpha!r} is a two-sided error probability and must lie strictly between 0 and "
            "1: pass 0.05 for a 95 % interval"
        )


# Private.


def _skewness(rests: Sequence[float], squares: float) -> float:
    deviation = math.sqrt(squares / len(rests))
    if deviation <= _NO_SPREAD:
        return 0.0
    return math.fsum((rest / deviation) ** 3 for rest in rests) / len(rests)


def _as_floats(values: Values) -> Sequence[float]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"values of shape {array.shape!r} have no mean: pass one number per item, at least one"
        )
    if not bool(np.isfinite(array).all()):
        position = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(
            f"value {float(array[position])!r} at position {position} is not finite: leave "
            "unscored items out and report them as unscored"
        )
    if isinstance(values, packed.array) and values.typecode == "d":
        return values  # nobody writes to it
    return packed.array("d", array.tobytes())


def _group(items: Sequence[float], clusters: Clusters) -> list[list[float]]:
    if clusters is None:
        return [[x] for x in items]
    if len(clusters) != len(items):
        raise ValueError(
            f"{len(clusters)} cluster labels for {len(items)} values: pass one label per value"
        )
    groups: dict[Hashable, list[float]] = {}
    for label, x in zip(clusters, items, strict=True):
        groups.setdefault(label, []).append(x)
    return list(groups.values())
