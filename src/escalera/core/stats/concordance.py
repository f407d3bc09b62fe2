"""Whether two rankings or scorings order the same units alike: Kendall's tau-b.

The interval is a jackknife over clusters (tau is a U-statistic: Arvesen 1969). Near perfect order
the share of discordant pairs gets Wilson's interval on G/2 pairs of clusters instead, the number
that are disjoint and hence independent (Hoeffding 1963, section 5a).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from escalera.core.stats import clustering, jackknife, proportion
from escalera.core.stats.clustering import Clusters, Interval, Values


def kendall_tau(
    first: Values, second: Values, clusters: Clusters = None, *, alpha: float = 0.05
) -> Interval:
    """Return Kendall's tau-b of two rankings or scorings of the same units, in [-1, 1].

    tau_b = (C - D) / sqrt((C + D + T_x)(C + D + T_y)) over pairs of units: concordant, discordant,
    tied in one of them only (Kendall 1945). One cluster gives [-1, 1]. Takes n^2 steps. ValueError
    for unequal lengths, fewer than two units, or units that are all tied in one of the two.
    """
    clustering.require_alpha(alpha)
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    _require_rankings(x, y)
    groups = jackknife.positions(len(x), clusters)
    rows = [_concordance(x[g][:, None], x, y[g][:, None], y) for g in map(np.asarray, groups)]
    total = tuple(sum(row[k] for row in rows) for k in range(3))
    estimate = _tau(*total)
    if math.isnan(estimate):
        raise ValueError(
            "all units are tied in one of the two: no order to agree with; use finer scores"
        )

    def without(group: list[int]) -> float:
        cross = _concordance(x[group][:, None], x, y[group][:, None], y)
        inner = _concordance(x[group][:, None], x[group], y[group][:, None], y[group])
        return _tau(*(t - 2 * c + i for t, c, i in zip(total, cross, inner, strict=True)))

    shares = _discordant(x, y)

    def bound() -> tuple[float, float]:
        pairs, size = len(x) * (len(x) - 1), len(groups) / 2.0
        found = proportion.wilson(math.fsum(shares) / len(x) * size, size, alpha=alpha)
        untied = total[0] + 2.0 * math.fsum(shares) * (len(x) - 1)
        scale = math.sqrt(total[1] * total[2])
        lower, upper = (untied - 2.0 * end * pairs for end in (found.upper, found.lower))
        return lower / scale, upper / scale

    fragile = clustering.robust_mean(shares, clusters).fragile
    return jackknife.interval(estimate, groups, without, bound, fragile=fragile, alpha=alpha)


# Private.


def _concordance(
    x: NDArray[np.float64],
    others_x: NDArray[np.float64],
    y: NDArray[np.float64],
    others_y: NDArray[np.float64],
) -> tuple[int, int, int]:
    """Ordered pairs: concordant minus discordant, untied in x, untied in y."""
    by_x, by_y = np.sign(x - others_x), np.sign(y - others_y)
    return (
        round(float((by_x * by_y).sum())),
        int(np.count_nonzero(by_x)),
        int(np.count_nonzero(by_y)),
    )


def _tau(excess: int, untied_x: int, untied_y: int) -> float:
    if untied_x == 0 or untied_y == 0:
        return math.nan
    return excess / math.sqrt(untied_x * untied_y)


def _discordant(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[float]:
    """Per unit the share of other units that it is ordered against in opposite ways."""
    shares = []
    for one_x, one_y in zip(x, y, strict=True):
        against = np.sign(x - one_x) * np.sign(y - one_y) < 0
        shares.append(int(np.count_nonzero(against)) / (len(x) - 1))
    return shares


def _require_rankings(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise ValueError(
            f"rankings of shapes {x.shape!r} and {y.shape!r} have no pairs of units: pass two "
            "scores per unit, for at least two units"
        )
    if not bool(np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a score is not finite: leave out units that one of the two did not score")
