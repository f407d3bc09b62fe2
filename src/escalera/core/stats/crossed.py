"""The difference of two ways to train, each trained several times, on the same items.

The items stand for all that could be asked and the trainings for all seeds: both are drawn, and the
difference varies with both. The interval of the mean over items, whose trainings are taken as they
are, and that of the mean over trainings, whose items are, are joined by the method of variance
estimates recovery (MOVER; Zou and Donner 2008): distances from the estimate add up in squares. What
is left of a single item in a single training is counted in both, so the interval errs on the wide
side; few trainings make it wide, because what a seed does is then known badly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from escalera.core.stats import clustering, distributions, paired
from escalera.core.stats.clustering import Clusters, Interval, Values


def interval(
    candidate: Sequence[Values],
    baseline: Sequence[Values],
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
) -> Interval:
    """Return a confidence interval of the mean difference inside [-1, 1].

    One sequence of item scores in [0, 1] per training, all of the same items; the n-th training of
    both shares its seed. ValueError for fewer than two trainings, or different numbers of either.
    """
    if len(candidate) != len(baseline) or len(candidate) < 2:
        raise ValueError(
            f"{len(candidate)} and {len(baseline)} trainings are no pairs, or too few: train both "
            "at least twice, with the same seeds"
        )
    ones, others = _means(candidate), _means(baseline)
    items = paired.interval(ones, others, clusters, alpha=alpha)
    seeds = [
        math.fsum(one) / len(one) - math.fsum(other) / len(other)
        for one, other in zip(candidate, baseline, strict=True)
    ]
    spread = clustering.robust_mean(seeds)
    critical = distributions.student_t_isf(alpha / 2, spread.degrees_of_freedom)
    half = critical * spread.standard_error
    below = math.hypot(items.estimate - items.lower, half)
    above = math.hypot(items.upper - items.estimate, half)
    return Interval(
        estimate=items.estimate,
        lower=max(-1.0, items.estimate - below),
        upper=min(1.0, items.estimate + above),
        alpha=alpha,
        method=f"mover-{items.method}",
    )


# Below: private.


def _means(trainings: Sequence[Values]) -> list[float]:
    """The mean of every item over the trainings."""
    return [math.fsum(scores) / len(scores) for scores in zip(*trainings, strict=True)]
