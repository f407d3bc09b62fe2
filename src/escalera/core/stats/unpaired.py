"""The difference of two means from separate samples: interval, and the samples that it needs.

Each mean brings its own interval, by whatever formula fits its data (`mean`, `paired`). The
distances from the two estimates to their ends are combined as standard errors would be, side by
side: MOVER, the method of variance estimates recovery (Zou and Donner 2008). With Wilson's
intervals of two shares it is method 10 of Newcombe (1998), which keeps its level near 0 and 1.
"""

from __future__ import annotations

import math

from escalera.core.stats.clustering import Interval


def difference(later: Interval, earlier: Interval) -> Interval:
    """Return the interval of later - earlier, at the error of the two intervals.

    The lower end lies sqrt((m - l)^2 + (u' - m')^2) below the difference of the estimates, m, l and
    u being estimate, lower and upper end, and ' those of the earlier mean; the upper end alike. The
    samples are taken to be independent: where both have items of one cluster, which are alike, the
    interval is too wide rather than too narrow. ValueError for intervals at different errors.
    """
    if later.alpha != earlier.alpha:
        raise ValueError(
            f"intervals at errors {later.alpha!r} and {earlier.alpha!r} cannot be combined: "
            "compute both at one alpha"
        )
    value = later.estimate - earlier.estimate
    below = math.hypot(later.estimate - later.lower, earlier.upper - earlier.estimate)
    above = math.hypot(later.upper - later.estimate, earlier.estimate - earlier.lower)
    return Interval(
        estimate=value,
        lower=value - below,
        upper=value + above,
        alpha=later.alpha,
        method=f"mover-{later.method}",
    )
