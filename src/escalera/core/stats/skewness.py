"""What skewness does to a t statistic, and how much of it to allow for.

Where most items agree and a few are lost, the mean of a sample that happened to miss the lost ones
is high and its estimated error small at once: cluster t then takes falls of exactly the margin for
smaller ones in up to 16 % of runs at a nominal 2.5 % (dev/LOG.md, 2026-11-22). Hall's (1992)
transformation takes the first-order effect away. It is used towards doubt only: a deviate may come
nearer to 0 and never farther from it, because an estimated skewness is no reason to be surer.

A skewness here is that of units: third central moment over the cube of the standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def allow(t: float, skews: Sequence[float], steps: int) -> float:
    """Return a t statistic of `steps` independent units nearer to 0 by what skewness does to it.

    Hall (1992), "On the removal of skewness by transformation", JRSS B 54, 221-228:
    g(t) = t + a t^2 + a^2 t^3 / 3 + skewness / (6 sqrt(steps)) with a = skewness/(3 sqrt(steps)),
    which rises in t. Of several skewnesses that may be, the one that leaves least counts; where g
    has the other sign under any of them the result is 0. Without any, t is returned.
    """
    bent = [_transformed(t, skew, steps) for skew in skews]
    if any(one * t <= 0.0 for one in bent):
        return 0.0
    return min((t, *bent), key=abs)


def ends(critical: float, skews: Sequence[float], steps: int) -> tuple[float, float]:
    """Return what t must reach below 0 and above it, as two positive numbers >= critical.

    They invert `allow`: its result reaches *critical* > 0 exactly where t reaches the second, and
    -critical where t reaches minus the first. So an interval's upper end takes the first and its
    lower end the second.
    """
    below = [-_original(-critical, skew, steps) for skew in skews]
    above = [_original(critical, skew, steps) for skew in skews]
    return max((critical, *below)), max((critical, *above))


def plausible(skewness: float, steps: int, *, varying: int) -> tuple[float, ...]:
    """Return what the skewness of units may be, `steps` of which show `skewness`.

    `varying` of them differ from the commonest. The estimate is Fisher's, g sqrt(n(n-1))/(n-2)
    (Joanes and Gill 1998), and may be off by a standard error of normal samples, sqrt(6/n). With
    ten units that vary its sign is believed and its size raised by that, at most to the double;
    with fewer it may be that much more or less, whatever its sign.
    """
    error = math.sqrt(6.0 / steps)
    found = skewness * math.sqrt(steps * (steps - 1)) / max(steps - 2, 1)
    if varying < _SIGN_SHOWN:
        return found - error, found + error
    return (found + math.copysign(min(abs(found), error), found),)


def beyond_noise(skewness: float, steps: int) -> float:
    """Return the skewness nearer to 0 by its standard error in normal samples, sqrt(6/steps).

    For score forms, which know what skewness right and wrong have by themselves: only what is
    clearly there besides is allowed for.
    """
    return math.copysign(max(0.0, abs(skewness) - math.sqrt(6.0 / steps)), skewness)


# Private.

_SIGN_SHOWN = 10
"""Units that vary from which on the sign of an estimated skewness is believed."""


def _transformed(t: float, skewness: float, steps: int) -> float:
    a = skewness / (3.0 * math.sqrt(steps))
    return t + a * t * t + a * a * t**3 / 3.0 + 0.5 * a


def _original(bent: float, skewness: float, steps: int) -> float:
    """Inverts `_transformed`: (1 + a t)^3 = 1 + 3 a (bent - a/2)."""
    a = skewness / (3.0 * math.sqrt(steps))
    if a == 0.0:
        return bent
    change = 3.0 * a * (bent - 0.5 * a)
    if abs(change) < 0.5:  # keeps the digits that 1 + change loses
        return math.expm1(math.log1p(change) / 3.0) / a
    return (math.cbrt(1.0 + change) - 1.0) / a
