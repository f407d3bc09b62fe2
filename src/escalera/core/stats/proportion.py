"""One share of right answers: Wilson's interval and the score test it inverts, and mid-p's.

Counts may be fractional, because clustered data enter with an effective sample size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from escalera.core.stats import distributions
from escalera.core.stats.clustering import Interval, require_alpha

_FINE = 1e-13
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTest:
    """A test of a share against a bar: z is positive above the bar, p_value is two-sided."""

    z: float
    p_value: float


def wilson(successes: float, n: float, *, alpha: float = 0.05) -> Interval:
    """Return Wilson's score interval of a share.

    It holds its level near 0 % and 100 % and with few items, where mean -+ z * SE collapses to a
    point (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4). It contains every share p with
    |successes/n - p| <= z * sqrt(p(1-p)/n), hence agrees with `score_test`. ValueError unless
    0 <= successes <= n and n > 0.
    """
    require_alpha(alpha)
    _require_counts(successes, n)
    z = -distributions.normal_quantile(0.5 * alpha)
    share = successes / n
    scale = 1.0 + z * z / n
    centre = (share + z * z / (2.0 * n)) / scale
    half = z / scale * math.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n))
    return Interval(
        estimate=share,
        lower=0.0 if successes == 0 else max(0.0, centre - half),
        upper=1.0 if successes == n else min(1.0, centre + half),
        alpha=alpha,
        method="wilson",
    )


def score_test(successes: float, n: float, *, bar: float) -> ScoreTest:
    """Test whether a share differs from a bar strictly between 0 and 1.

    z = (share - bar) / sqrt(bar (1 - bar) / n): the variance is the one under the null, so that
    0 % and 100 % give a finite, honest z (Rao 1948; Agresti 2013, chapter 1).
    """
    _require_counts(successes, n)
    require_bar(bar)
    z = (successes / n - bar) / math.sqrt(bar * (1.0 - bar) / n)
    return ScoreTest(z=z, p_value=2.0 * distributions.normal_cdf(-abs(z)))


def mid_p_z(successes: float, n: float, *, bar: float) -> float:
    """Return the normal deviate of the mid-p tail of "the share is the bar", 0 < bar < 1.

    The exact binomial tail that counts half of what was seen (Berry and Armitage 1995, "Mid-p
    confidence intervals: a brief review"): near its level where the normal's is not, as with one
    wrong answer of five at a bar of 0.98, which one of ten samples holds and `score_test` reads as
    z = -2.9.
    """
    _require_counts(successes, n)
    require_bar(bar)
    upper = distributions.binomial_mid_sf(successes, n, bar)
    if upper > 0.5:
        lower = distributions.binomial_mid_sf(n - successes, n, 1.0 - bar)
        return distributions.normal_quantile(max(lower, _SMALLEST))
    return -distributions.normal_quantile(max(upper, _SMALLEST))


def mid_p(successes: float, n: float, *, alpha: float = 0.05) -> tuple[float, float]:
    """Return the ends of the interval that inverts `mid_p_z`."""
    require_alpha(alpha)
    _require_counts(successes, n)
    critical = -distributions.normal_quantile(0.5 * alpha)

    def outside(bar: float) -> bool:
        return abs(mid_p_z(successes, n, bar=bar)) > critical

    share = successes / n
    lower = _end(outside, share, 0.0) if successes > 0 else 0.0
    upper = _end(outside, share, 1.0) if successes < n else 1.0
    return lower, upper


def require_bar(bar: float) -> None:
    """Raise ValueError unless a bar for a share lies strictly between 0 and 1."""
    if not 0.0 < bar < 1.0:
        raise ValueError(
            f"bar {bar!r} must lie strictly between 0 and 1: no finite sample proves a share of "
            "exactly 0 or 1; lower the bar, e.g. to 0.99"
        )


# Private.


def _end(outside: Callable[[float], bool], within: float, beyond: float) -> float:
    while True:
        middle = 0.5 * (within + beyond)
        if abs(beyond - within) < _FINE or middle in (0.0, 1.0):
            return beyond
        if outside(middle):
            beyond = middle
        else:
            within = middle


def _require_counts(successes: float, n: float) -> None:
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(
            f"{successes!r} successes of {n!r} are no share: pass 0 <= successes <= n and n > 0"
        )
