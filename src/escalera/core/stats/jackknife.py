"""Intervals of coefficients that are no means, by leaving out every cluster once.

SE^2 = (G-1)/G * sum_c (theta_(-c) - mean theta_(-c))^2 with t on G-1 degrees of freedom (Quenouille
1956, Tukey 1958), on the scale of Fisher's atanh, where the skewness of coefficients near 1 is
gone and ends stay inside [-1, 1]. The jackknife needs no random source, so a replay gives the same
bits.

Where nearly all clusters pull alike (perfect agreement, a handful of disagreements) it claims a
certainty that the data do not hold; the caller then supplies a bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from escalera.core.stats import clustering, distributions
from escalera.core.stats.clustering import Clusters, Interval

Ends: TypeAlias = tuple[float, float]

_EDGE = 1e-12


def positions(n: int, clusters: Clusters = None) -> list[list[int]]:
    """Return the positions of the units of each cluster, in order of first appearance.

    Without clusters every unit is its own. ValueError unless there is one label per unit.
    """
    if clusters is None:
        return [[i] for i in range(n)]
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} cluster labels for {n} units: pass one label per unit")
    groups: dict[Hashable, list[int]] = {}
    for position, label in enumerate(clusters):
        groups.setdefault(label, []).append(position)
    return list(groups.values())


def interval(
    estimate: float,
    groups: Sequence[list[int]],
    without: Callable[[list[int]], float],
    bound: Callable[[], Ends],
    *,
    fragile: bool = False,
    alpha: float = 0.05,
) -> Interval:
    """Return the interval of a coefficient in [-1, 1] from its values without each group.

    `without` gives the coefficient of the other groups. Where `fragile`, or where the coefficient
    is -1, 1 or undefined (nan) for some of them, the ends are those of `bound` (method
    "variance-bound"). One group gives [-1, 1].
    """
    clustering.require_alpha(alpha)
    if len(groups) == 1:
        return Interval(estimate=estimate, lower=-1.0, upper=1.0, alpha=alpha, method="one-cluster")
    left = [without(group) for group in groups]
    if fragile or not all(abs(x) < 1.0 - _EDGE for x in (estimate, *left)):
        ends, method = bound(), "variance-bound"
    else:
        ends, method = _jackknife(estimate, left, alpha), "jackknife-t"
    lower, upper = max(-1.0, min(ends[0], estimate)), min(1.0, max(ends[1], estimate))
    return Interval(estimate=estimate, lower=lower, upper=upper, alpha=alpha, method=method)


# Private.


def _jackknife(estimate: float, left: list[float], alpha: float) -> Ends:
    count = len(left)
    scaled = [math.atanh(x) for x in left]
    centre = math.fsum(scaled) / count
    squares = math.fsum((x - centre) ** 2 for x in scaled)
    half = distributions.student_t_isf(0.5 * alpha, count - 1)
    half *= math.sqrt((count - 1) / count * squares)
    middle = math.atanh(estimate)
    return math.tanh(middle - half), math.tanh(middle + half)
