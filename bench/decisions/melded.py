"""Fay and Lumbard's interval for a paired difference of right/wrong scores, from its definition.

"Confidence intervals for difference in proportions for matched pairs compatible with exact
McNemar's or sign tests" (Statistics in Medicine 2021); R has it as `exact2x2::mcnemarExactDP`. The
difference is theta (2 phi - 1): theta is the share of discordant pairs, of which phi are gains.
Clopper and Pearson's bounds of both are melded: the lower end takes those that make the difference
smaller, theta's upper one where phi lies below one half.
"""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.stats

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)
_EDGE = 1e-9


def p_value(gains: int, losses: int, n: int, null: float) -> float:
    """The one-sided p value of "the difference is at most null", -1 < null < 1.

    With null 0 it is the sign test's. For the other side swap gains and losses and turn the null.
    """
    discordant = gains + losses
    more = scipy.stats.beta(discordant + 1, n - discordant) if discordant < n else None
    if gains == 0:  # phi's lower bound is 0: the difference is -theta
        if null >= 0.0:
            return 1.0
        return 1.0 if more is None else float(more.sf(-null))
    phi = scipy.stats.beta(gains, losses + 1)
    if null >= 0.0:
        at = 0.75 + 0.25 * _NODES
        below = scipy.stats.beta.cdf(
            np.minimum(null / (2.0 * at - 1.0), 1.0), discordant, n - discordant + 1
        )
        return float(phi.cdf(0.5) + 0.25 * (_WEIGHTS * phi.pdf(at) * below).sum())
    if more is None:  # theta's upper bound is 1: the difference is 2 phi - 1
        return float(phi.cdf(0.5 + 0.5 * null))
    at = 0.25 + 0.25 * _NODES
    above = more.sf(np.minimum(-null / (1.0 - 2.0 * at), 1.0))
    return float(0.25 * (_WEIGHTS * phi.pdf(at) * above).sum())


def interval(gains: int, losses: int, n: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """The central interval: all nulls that neither side rejects at alpha / 2."""
    return _lower(gains, losses, n, alpha / 2.0), -_lower(losses, gains, n, alpha / 2.0)


def covers(gains: int, losses: int, n: int, truth: float, *, alpha: float = 0.05) -> bool:
    """Whether the interval holds the truth."""
    above, below = p_value(gains, losses, n, truth), p_value(losses, gains, n, -truth)
    return min(above, below) > alpha / 2.0


# Private.


def _lower(gains: int, losses: int, n: int, alpha: float) -> float:
    def excess(null: float) -> float:
        return p_value(gains, losses, n, null) - alpha

    if excess(_EDGE - 1.0) >= 0.0:  # no pair ties, and none is a gain
        return -1.0
    return float(scipy.optimize.brentq(excess, _EDGE - 1.0, 1.0 - _EDGE))
