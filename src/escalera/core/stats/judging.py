"""Pairwise verdicts of a judge in both orders: a score without position bias, bias, flip rate.

A judge that is shown answers A and B often prefers the one in a certain place (Wang et al. 2023,
"Large language models are not fair evaluators"; Zheng et al. 2023, "Judging LLM-as-a-judge"). Asked
in both orders, A gets f_i when shown first and s_i when shown second; (f_i + s_i) / 2 is free of an
additive bias, (f_i - s_i) / 2 is the bias itself. When only some pairs, drawn at random, had a
second pass, the first passes are corrected by them as a judge is by labels (`ppi`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from escalera.core.stats import clustering, mean, paired, ppi
from escalera.core.stats.clustering import Clusters, Interval, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the verdicts of one judge on pairs of answers say.

    `score`: mean score of A in [0, 1] without position bias, 0.5 when A and B are equal.
    `position_bias`: what being shown first adds to an answer's score, in [-0.5, 0.5].
    `flip_rate`: share of pairs whose verdict changes with the order. `second_passes` of `pairs`
    were judged in both orders; bias and flip rate come from those.
    """

    score: Interval
    position_bias: Interval
    flip_rate: Interval
    pairs: int
    second_passes: int


def read(
    shown_first: Values,
    shown_second: Sequence[float | None],
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
) -> Judged:
    """Return score, position bias and flip rate, each with its interval at alpha.

    `shown_first` holds A's score in [0, 1] for every pair when A was shown first (1 a win, 0.5 a
    tie, 0 a loss), `shown_second` when B was, None without a second pass. Second passes must be
    missing at random. Leave out pairs whose verdict could not be read, and count them. ValueError
    for lengths that differ, scores outside [0, 1] or no second pass at all.
    """
    clustering.require_alpha(alpha)
    if len(shown_first) != len(shown_second):
        raise ValueError(
            f"{len(shown_first)} first and {len(shown_second)} second passes: pass one of each per "
            "pair, None for a second pass that was not asked for"
        )
    both = [i for i, score in enumerate(shown_second) if score is not None]
    if not both:
        raise ValueError(
            "no pair was judged in both orders: position bias cannot be told from preference; ask "
            "for a second pass of at least a random sample"
        )
    f = np.asarray(shown_first, dtype=np.float64)
    first = f[both]
    second = np.array([score for score in shown_second if score is not None], dtype=np.float64)
    mean.require_unit_range(f)
    labels = None if clusters is None else [clusters[i] for i in both]
    changed = (first != second).astype(np.float64)
    return Judged(
        score=_score(f, shown_second, clusters, alpha),
        position_bias=_halved(paired.interval(first, second, labels, alpha=alpha)),
        flip_rate=mean.interval(changed, labels, alpha=alpha),
        pairs=len(f),
        second_passes=len(both),
    )


def bias_is_bounded(judged: Judged, *, tolerance: float) -> bool:
    """Return whether the position bias is shown to be smaller than the tolerance, either way.

    Then a second pass of a random share of the pairs is enough to keep correcting it. With 95 %
    intervals this errs in 2.5 % (two one-sided tests; Schuirmann 1987). ValueError unless
    0 < tolerance <= 0.5.
    """
    if not 0.0 < tolerance <= 0.5:
        raise ValueError(
            f"tolerance {tolerance!r} must lie in (0, 0.5], the range of a position bias: pass "
            "e.g. 0.02"
        )
    found = judged.position_bias
    return -tolerance < found.lower and found.upper < tolerance


# Private.


def _score(
    first: Values, second: Sequence[float | None], clusters: Clusters, alpha: float
) -> Interval:
    middle = [
        None if b is None else 0.5 * (float(a) + b) for a, b in zip(first, second, strict=True)
    ]
    given = [m for m in middle if m is not None]
    if len(given) == len(middle):
        return mean.interval(given, clusters, alpha=alpha)
    return ppi.mean(first, middle, clusters, alpha=alpha).interval


def _halved(found: Interval) -> Interval:
    return Interval(
        estimate=0.5 * found.estimate,
        lower=0.5 * found.lower,
        upper=0.5 * found.upper,
        alpha=found.alpha,
        method=found.method,
    )
