"""Normal, Student t and binomial probabilities without SciPy.

Sums and ratios are arranged so that small tails keep their relative accuracy: a boundary of a
sequential test lives at probabilities near 1e-7, where ``1 - cdf`` has no digits left.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_STANDARD_NORMAL = NormalDist()
_SMALLEST_TAIL = 1e-140
_NO_COUNT = 1e-300
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_TINY = 1e-300


def normal_cdf(z: float) -> float:
    """Return P(Z <= z) of the standard normal.

    Written with ``erfc``, which keeps relative accuracy in the lower tail (DLMF 7.2).
    """
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def normal_quantile(probability: float) -> float:
    """Return z with P(Z <= z) = probability, for a probability strictly between 0 and 1.

    The standard library evaluates Wichura's AS 241 (1988), accurate to about 1e-16; for an upper
    tail q ask for ``-normal_quantile(q)``, which does not lose the digits of ``1 - q``.
    """
    _require_open_probability(probability)
    return _STANDARD_NORMAL.inv_cdf(probability)


def student_t_cdf(t: float, degrees_of_freedom: float) -> float:
    """Return P(T <= t) of Student's t; infinite degrees of freedom mean the normal."""
    return student_t_sf(-t, degrees_of_freedom)


def student_t_sf(t: float, degrees_of_freedom: float) -> float:
    """Return the upper tail P(T > t) of Student's t.

    P(T > t) = I_x(df/2, 1/2) / 2 with x = df/(df + t^2) for t >= 0 (DLMF 8.17, Abramowitz and
    Stegun 26.7.1); the negative side follows by symmetry. ValueError for df <= 0.
    """
    _require_degrees_of_freedom(degrees_of_freedom)
    if math.isinf(degrees_of_freedom):
        return normal_cdf(-t)
    if t < 0:
        return 1.0 - student_t_sf(-t, degrees_of_freedom)
    if t == 0:
        return 0.5
    x, y = _t_arguments(t, degrees_of_freedom)
    return 0.5 * _incomplete_beta(0.5 * degrees_of_freedom, 0.5, x, y)


def student_t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return t with P(T <= t) = probability, for a probability strictly between 0 and 1."""
    _require_open_probability(probability)
    if probability > 0.5:
        return student_t_isf(1.0 - probability, degrees_of_freedom)
    return -student_t_isf(probability, degrees_of_freedom)


def student_t_isf(tail: float, degrees_of_freedom: float) -> float:
    """Return t with P(T > t) = tail, for a tail strictly between 0 and 1.

    Tails below 1e-140 are taken as 1e-140, where t^2 still fits a double for one degree of freedom.
    Newton's method for log P(T > t) as a function of log t: there the curve is concave and turns
    into a line of slope -df, so the start at the normal quantile (always too small) overshoots
    at most once and then converges from one side.
    """
    _require_open_probability(tail)
    _require_degrees_of_freedom(degrees_of_freedom)
    if tail > 0.5:
        return -student_t_isf(1.0 - tail, degrees_of_freedom)
    if tail == 0.5:
        return 0.0
    tail = max(tail, _SMALLEST_TAIL)
    t = -normal_quantile(tail)
    if math.isinf(degrees_of_freedom):
        return t
    for _ in range(200):
        x, y = _t_arguments(t, degrees_of_freedom)
        upper = student_t_sf(t, degrees_of_freedom)
        slope = _beta_term(0.5 * degrees_of_freedom, 0.5, x, y) / upper
        step = math.log(upper / tail) / slope
        t *= math.exp(min(step, 50.0))
        if abs(step) < 4e-16:
            break
    return t


def z_from_t(t: float, degrees_of_freedom: float) -> float:
    """Return the normal deviate whose tail equals that of a t statistic.

    Boundaries of a group-sequential test are computed for normal statistics; equating tail
    probabilities keeps the nominal level of each look with few clusters (Jennison and Turnbull
    2000, chapter 3, "significance level approach"). |z| never exceeds 25.2, the tail of 1e-140.
    """
    tail = max(student_t_sf(abs(t), degrees_of_freedom), _SMALLEST_TAIL)
    return math.copysign(max(0.0, -normal_quantile(tail)), t)


def t_from_z(z: float, degrees_of_freedom: float) -> float:
    """Return the t deviate whose tail equals that of a normal deviate: inverts `z_from_t`."""
    tail = max(normal_cdf(-abs(z)), _SMALLEST_TAIL)
    return math.copysign(student_t_isf(tail, degrees_of_freedom), z)


def binomial_cdf(successes: int, trials: int, probability: float) -> float:
    """Return P(X <= successes) for X binomial(trials, probability)."""
    _require_binomial(trials, probability)
    if successes < 0:
        return 0.0
    if successes >= trials:
        return 1.0
    return _incomplete_beta(trials - successes, successes + 1.0, 1.0 - probability, probability)


def binomial_sf(successes: int, trials: int, probability: float) -> float:
    """Return the upper tail P(X >= successes), the observed count included.

    Equal to I_p(k, n - k + 1) (DLMF 8.17.5), which keeps the digits of small tails.
    """
    _require_binomial(trials, probability)
    if successes <= 0:
        return 1.0
    if successes > trials:
        return 0.0
    return _incomplete_beta(successes, trials - successes + 1.0, probability, 1.0 - probability)


def binomial_mid_sf(successes: float, trials: float, probability: float) -> float:
    """Return P(X > successes) + P(X = successes)/2, the upper tail of a mid-p test.

    Half of I_p(k, n - k + 1) + I_p(k + 1, n - k), which also joins fractional counts 0 <= k <= n
    smoothly (Berry and Armitage 1995). It and the lower tail add up to 1.
    """
    other = 1.0 - probability
    reached = exceeded = 0.0
    if successes <= _NO_COUNT:
        reached = 1.0
    else:
        reached = _incomplete_beta(successes, trials - successes + 1.0, probability, other)
    if successes < trials:
        exceeded = _incomplete_beta(successes + 1.0, trials - successes, probability, other)
    return 0.5 * (reached + exceeded)


def binomial_pmf(successes: int, trials: int, probability: float) -> float:
    """Return P(X = successes) as the difference-free saddle-point form of Loader (2000)."""
    _require_binomial(trials, probability)
    if not 0 <= successes <= trials:
        return 0.0
    complement = 1.0 - probability
    if successes == 0:
        return float(complement**trials)
    if successes == trials:
        return float(probability**trials)
    failures = trials - successes
    term = _beta_term(successes, failures, probability, complement)
    return term * trials / (successes * failures)


# Private: the incomplete beta function.


def _incomplete_beta(a: float, b: float, x: float, y: float) -> float:
    """Return the regularised I_x(a, b); y = 1 - x comes separately to keep its digits.

    Left of the mode a continued fraction converges in O(sqrt(max(a, b))) steps; right of it
    I_x(a, b) = 1 - I_y(b, a).
    """
    if x <= 0.0:
        return 0.0
    if y <= 0.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_term(b, a, y, x) * _continued_fraction(b, a, y, x)
    if a < 1.0:  # the fraction cancels there: DLMF 8.17.20
        return _beta_term(a, b, x, y) / a + _incomplete_beta(a + 1.0, b, x, y)
    return _beta_term(a, b, x, y) * _continued_fraction(a, b, x, y)


def _continued_fraction(a: float, b: float, x: float, y: float) -> float:
    """Evaluate 1/(beta_1 + alpha_2/(beta_2 + ...)) of DiDonato and Morris (1992).

    The even part of DLMF 8.17.22, in which a - (a + b) x enters as a y - b x and so does not
    cancel for large a; modified Lentz method (Thompson and Barnett 1986).
    """
    excess = a * y - b * x
    numerator = _nonzero(a / (a + 1.0) * (excess + 1.0))
    value = numerator
    denominator = 0.0
    for n in range(1, 200 + 20 * math.isqrt(int(max(a, b)) + 1)):
        middle = a + 2.0 * n - 1.0
        product = n * (b - n) * x
        alpha = (a + n - 1.0) * (a + b + n - 1.0) / (middle * middle) * product * x
        beta = n + product / middle + (a + n) / (middle + 2.0) * (excess + 1.0 + n * (1.0 + y))
        denominator = 1.0 / _nonzero(beta + alpha * denominator)
        numerator = _nonzero(beta + alpha / numerator)
        change = numerator * denominator
        value *= change
        if abs(change - 1.0) < 3e-16:
            break
    return 1.0 / value


def _beta_term(a: float, b: float, x: float, y: float) -> float:
    """Return x^a y^b / B(a, b) without cancelling log-gammas (Loader 2000)."""
    if x <= 0.0 or y <= 0.0:
        return 0.0
    total = a + b
    excess = a * y - b * x  # a - (a + b) x, without the rounding of x near 1
    exponent = _stirling_error(total) - _stirling_error(a) - _stirling_error(b)
    exponent -= _deviance(a, total * x, excess) + _deviance(b, total * y, -excess)
    return math.exp(exponent) * math.sqrt(a * b / (2.0 * math.pi * total))


def _stirling_error(z: float) -> float:
    """Return log Gamma(z + 1) minus Stirling's approximation of it."""
    if z < 16.0:
        return math.lgamma(z + 1.0) - (z + 0.5) * math.log(z) + z - _HALF_LOG_TWO_PI
    square = z * z
    inner = 1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * square)) / square
    return (1.0 / 12.0 - (1.0 / 360.0 - inner / square) / square) / z


def _deviance(x: float, mean: float, excess: float) -> float:
    """Return x log(x/mean) - excess, excess = x - mean, by series near 0 (Loader's bd0)."""
    if abs(excess) >= 0.1 * (x + mean):
        return x * math.log(x / mean) - excess
    ratio = excess / (x + mean)
    total = excess * ratio
    power = 2.0 * x * ratio
    for j in range(1, 1000):
        power *= ratio * ratio
        updated = total + power / (2 * j + 1)
        if updated == total:
            break
        total = updated
    return total


def _t_arguments(t: float, degrees_of_freedom: float) -> tuple[float, float]:
    square = t * t
    x = degrees_of_freedom / (degrees_of_freedom + square)
    return x, 1.0 / (1.0 + degrees_of_freedom / square) if square > 0 else 0.0


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _require_open_probability(probability: float) -> None:
    if not 0.0 < probability < 1.0:
        raise ValueError(
            f"probability {probability!r} must lie strictly between 0 and 1: the quantile at the "
            "edge is infinite; pass a value inside"
        )


def _require_degrees_of_freedom(degrees_of_freedom: float) -> None:
    if not degrees_of_freedom > 0:
        raise ValueError(
            f"degrees_of_freedom {degrees_of_freedom!r} must be positive: Student's t needs at "
            "least two clusters; add clusters or use a form without estimated variance"
        )


def _require_binomial(trials: int, probability: float) -> None:
    if trials < 0 or not 0.0 <= probability <= 1.0:
        raise ValueError(
            f"trials {trials!r} and probability {probability!r} are no binomial: pass trials >= 0 "
            "and a probability in [0, 1]"
        )
