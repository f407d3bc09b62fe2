"""Several questions at once: adjusted p-values, e-values and intervals that hold together.

p-values enter Holm and Bonferroni; e-values (nonnegative, expectation at most 1 under the null, as
a betting test gives them) enter closed testing and e-BH. Both sorts allow any dependence, so arms
may be measured on common items. Intervals share alpha evenly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.stats import clustering, paired
from escalera.core.stats.clustering import Clusters, Interval, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Per question, in the order asked: adjusted p-value and whether it is rejected at alpha."""

    p_values: tuple[float, ...]
    rejected: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedE:
    """Per question, in the order asked: adjusted e-value and whether it is rejected at alpha.

    An adjusted e-value is itself read against 1/alpha, so one table serves every alpha.
    """

    e_values: tuple[float, ...]
    rejected: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairInterval:
    """The interval of mean(arm) - mean(other), arms named by their position."""

    arm: int
    other: int
    interval: Interval


def holm(p_values: Sequence[float], *, alpha: float = 0.05) -> Adjusted:
    """Return Holm's step-down adjustment.

    p~_(j) = max_{i<=j} min(1, (m-i+1) p_(i)): valid under any dependence and never weaker than
    Bonferroni (Holm 1979). An empty family gives an empty answer. ValueError for p outside [0, 1].
    """
    _require_p_values(p_values)
    clustering.require_alpha(alpha)
    m = len(p_values)
    adjusted = [0.0] * m
    running = 0.0
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (m - rank) * p_values[index]))
        adjusted[index] = running
    return _decide(adjusted, alpha)


def bonferroni(p_values: Sequence[float], *, alpha: float = 0.05) -> Adjusted:
    """Return min(1, m p): for when simultaneous intervals at alpha/m must agree (Dunn 1961)."""
    _require_p_values(p_values)
    clustering.require_alpha(alpha)
    return _decide([min(1.0, len(p_values) * p) for p in p_values], alpha)


def closed_e(e_values: Sequence[float], *, alpha: float = 0.05) -> AdjustedE:
    """Return e-values that survive closed testing by averages: family-wise error at most alpha.

    The average is an e-value for any intersection of nulls under any dependence, so question k
    may be rejected when the average of every family that holds k reaches 1/alpha. The smallest
    of those averages is min_i (e_k + sum of the i smallest e-values below e_k) / (i + 1)
    (Vovk and Wang 2021, "E-values: calibration, combination and applications", algorithm 1):
    linear per question instead of 2^m. Never above the own e-value; the rejected questions are true
    discoveries together with probability 1 - alpha. ValueError for an e-value below 0 or nan.
    """
    _require_e_values(e_values)
    clustering.require_alpha(alpha)
    adjusted = [0.0] * len(e_values)
    smaller: list[float] = []
    for index in sorted(range(len(e_values)), key=lambda i: (e_values[i], i)):
        adjusted[index] = _smallest_average(e_values[index], smaller)
        smaller.append(e_values[index])
    return _decide_e(adjusted, alpha)


def e_bh(e_values: Sequence[float], *, alpha: float = 0.05) -> AdjustedE:
    """Return the e-BH procedure: expected share of false rejections at most alpha.

    Rejects the k* largest, k* = max{k : k e_(k) / m >= 1/alpha}, valid under any dependence (Wang
    and Ramdas 2022, "False discovery rate control with e-values", theorem 2). The adjusted value of
    the question of rank k is max_{j >= k} j e_(j) / m. A false discovery rate is no family-wise
    error: use it to shortlist, not to promote. ValueError for an e-value below 0 or nan.
    """
    _require_e_values(e_values)
    clustering.require_alpha(alpha)
    m = len(e_values)
    adjusted = [0.0] * m
    running = 0.0
    order = sorted(range(m), key=lambda i: (-e_values[i], i))
    for rank in range(m, 0, -1):
        running = max(running, rank * e_values[order[rank - 1]] / m)
        adjusted[order[rank - 1]] = running
    return _decide_e(adjusted, alpha)


def simultaneous(
    arms: Sequence[Values],
    clusters: Clusters = None,
    *,
    against: int | None = None,
    alpha: float = 0.05,
) -> tuple[PairInterval, ...]:
    """Return intervals of paired differences that all hold together with probability 1 - alpha.

    `arms` holds the scores in [0, 1] of each arm on the same items. With `against` every other arm
    minus that one, otherwise all pairs (i, j), i < j. Each is `paired.interval` at alpha over the
    number of intervals (Bonferroni; Dunn 1961): as honest at ties, edges and with clusters as one
    interval is, under any correlation and with few clusters. A max-t bootstrap would be narrower
    for strongly correlated arms, but its coverage is proved for many clusters only. ValueError for
    fewer than two arms or a position that is none.
    """
    clustering.require_alpha(alpha)
    if len(arms) < 2 or (against is not None and not 0 <= against < len(arms)):
        raise ValueError(
            f"{len(arms)} arms and against={against!r} have no pairs: pass at least two arms and "
            "the position of one of them, or None for all pairs"
        )
    if against is None:
        pairs = [(i, j) for i in range(len(arms)) for j in range(i + 1, len(arms))]
    else:
        pairs = [(i, against) for i in range(len(arms)) if i != against]
    each = alpha / len(pairs)
    return tuple(
        PairInterval(
            arm=i, other=j, interval=paired.interval(arms[i], arms[j], clusters, alpha=each)
        )
        for i, j in pairs
    )


# Private.


def _smallest_average(e_value: float, smaller: Sequence[float]) -> float:
    """Smallest mean of e_value and a prefix of the ascending smaller ones.

    The mean falls until the next value is no longer below it, and rises from there.
    """
    total, count = e_value, 1
    for other in smaller:
        if other * count >= total:
            break
        total, count = total + other, count + 1
    return total / count


def _decide_e(adjusted: list[float], alpha: float) -> AdjustedE:
    return AdjustedE(e_values=tuple(adjusted), rejected=tuple(e * alpha >= 1.0 for e in adjusted))


def _require_e_values(e_values: Sequence[float]) -> None:
    for position, e in enumerate(e_values):
        if math.isnan(e) or e < 0.0:
            raise ValueError(
                f"e-value {e!r} at position {position} is not at least 0: pass the wealth of a "
                "test, not its logarithm"
            )


def _decide(adjusted: list[float], alpha: float) -> Adjusted:
    return Adjusted(p_values=tuple(adjusted), rejected=tuple(p <= alpha for p in adjusted))


def _require_p_values(p_values: Sequence[float]) -> None:
    for position, p in enumerate(p_values):
        if not 0.0 <= p <= 1.0:
            raise ValueError(
                f"p-value {p!r} at position {position} lies outside [0, 1]: pass probabilities, "
                "not statistics"
            )
