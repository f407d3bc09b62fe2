"""How the error probability is spent over the looks, and the boundaries that follow.

Statistics at information times t_1 < ... < t_k are standard normal with correlation
sqrt(t_i / t_j): a Brownian motion in t seen at the looks. The density of paths that have not
crossed is carried from look to look on a grid (Armitage, McPherson and Rowe 1969; Jennison and
Turnbull 2000, chapter 19). The boundary of a look depends on earlier looks only, never on later
ones, so looks need not be planned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from escalera.core.stats import clustering, distributions

Spending: TypeAlias = Literal["obrien-fleming", "pocock"]

EXTREME = 8.0
"""No boundary lies above: 8 has tail 6e-16, and nothing is decided that far out."""

CLOSEST = 1e-3
"""Smallest relative step of information between looks that the grid resolves."""

_FEWEST_NODES = 64
_HALVINGS = 48
_DIGITS = 8


def spent(information_time: float, *, alpha: float, spending: Spending) -> float:
    """Return the two-sided error probability spent up to an information time in (0, 1].

    Each side spends f(t; alpha/2), with f(t; a) = 2 - 2 Phi(z_{1-a/2} / sqrt t) of O'Brien-Fleming
    type or a ln(1 + (e-1) t) of Pocock type (Lan and DeMets 1983), and the sum is
    returned. Spending each side by itself is the convention of the tables and of gsDesign and
    ldbounds. ValueError for times outside (0, 1].
    """
    clustering.require_alpha(alpha)
    if not 0.0 < information_time <= 1.0:
        raise ValueError(
            f"information_time {information_time!r} must lie in (0, 1]: it is the share of the "
            "planned items seen; plan for the whole data set"
        )
    side = 0.5 * alpha
    match spending:
        case "obrien-fleming":
            z = -distributions.normal_quantile(0.5 * side) / math.sqrt(information_time)
            return 4.0 * distributions.normal_cdf(-z)
        case "pocock":
            return 2.0 * side * math.log1p((math.e - 1.0) * information_time)
        case _:
            assert_never(spending)


def boundaries(
    information_times: tuple[float, ...], *, alpha: float, spending: Spending
) -> tuple[float, ...]:
    """Return the symmetric two-sided boundary |z| of every look.

    The probability under the null of the first crossing at look k, upwards, is the increment of
    `spent` over two. Accurate to 1e-8 and rounded to 8 digits, so that the last bits of the
    machine's exponential do not reach the journal. ValueError for times that do not increase
    inside (0, 1] or lie closer than `CLOSEST`.
    """
    require_times(information_times)
    return tuple(
        _boundary(information_times[: k + 1], alpha, spending)
        for k in range(len(information_times))
    )


def crossing_probabilities(
    information_times: tuple[float, ...], limits: tuple[float, ...]
) -> tuple[float, ...]:
    """Return the two-sided null probability of first crossing each given limit.

    Their sum is the type-I error of arbitrary limits, e.g. of looking without a correction.
    """
    require_times(information_times)
    if len(limits) != len(information_times):
        raise ValueError(
            f"{len(limits)} limits for {len(information_times)} looks: pass one limit per look"
        )
    result = []
    grid: _Grid | None = None
    for k, limit in enumerate(limits):
        t = information_times[k]
        result.append(2.0 * _upper_exit(grid, t, limit))
        if k + 1 < len(limits):
            grid = _advance(grid, t, limit, information_times[k + 1])
    return tuple(result)


def require_times(information_times: tuple[float, ...]) -> None:
    """Raise ValueError unless information times increase inside (0, 1] by resolvable steps."""
    previous = 0.0
    for t in information_times:
        if not previous < t <= 1.0:
            raise ValueError(
                f"information times {information_times!r} must increase inside (0, 1]: look only "
                "after new items, and never beyond the planned number"
            )
        if previous > 0 and t - previous < CLOSEST * previous:
            raise ValueError(
                f"information times {previous!r} and {t!r} lie closer than {CLOSEST!r} of what is "
                "already seen: wait for more items before the next look"
            )
        previous = t


# Private: the recursion.


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Paths not yet crossed at time t: points z and the probability mass at each."""

    t: float
    points: NDArray[np.float64]
    mass: NDArray[np.float64]


@lru_cache(maxsize=4096)
def _boundary(times: tuple[float, ...], alpha: float, spending: Spending) -> float:
    """Solve for the boundary of the last look by bisection; the exit probability falls in it."""
    earlier = spent(times[-2], alpha=alpha, spending=spending) if len(times) > 1 else 0.0
    increment = 0.5 * (spent(times[-1], alpha=alpha, spending=spending) - earlier)
    grid = None
    if len(times) > 1:
        grid = _continuing(times[:-1], alpha, spending, times[-1])
    low, high = 0.0, EXTREME
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _upper_exit(grid, times[-1], middle) > increment:
            low = middle
        else:
            high = middle
    return round(high, _DIGITS)


@lru_cache(maxsize=512)
def _continuing(
    times: tuple[float, ...], alpha: float, spending: Spending, following: float
) -> _Grid:
    """Return the paths that continue after the last of the looks, ready for the following."""
    previous = None
    if len(times) > 1:
        previous = _continuing(times[:-1], alpha, spending, times[-1])
    return _advance(previous, times[-1], _boundary(times, alpha, spending), following)


def _advance(previous: _Grid | None, t: float, limit: float, following: float) -> _Grid:
    """Carry the density to time t and keep |z| < limit (Jennison and Turnbull 2000, ch. 19).

    Between looks the density is smoothed by a normal kernel of width sqrt(step/t) in z; the nodes
    resolve the narrower of the kernel behind and the kernel ahead.
    """
    width = math.sqrt((following - t) / t)
    if previous is not None:
        width = min(width, math.sqrt((t - previous.t) / t))
    points, weights = _quadrature(limit, width)
    if previous is None:
        density = np.exp(-0.5 * points**2) / math.sqrt(2.0 * math.pi)
    else:
        step = t - previous.t
        gaps = points[:, None] * math.sqrt(t) - previous.points[None, :] * math.sqrt(previous.t)
        kernel = np.exp(-0.5 * gaps**2 / step) * math.sqrt(t / (2.0 * math.pi * step))
        density = (kernel * previous.mass).sum(axis=1)
    return _Grid(t, points, weights * density)


def _upper_exit(previous: _Grid | None, t: float, limit: float) -> float:
    """Return the probability of continuing until now and then exceeding the limit."""
    if previous is None:
        return distributions.normal_cdf(-limit)
    scale = 1.0 / math.sqrt(2.0 * (t - previous.t))
    gaps = (limit * math.sqrt(t) - previous.points * math.sqrt(previous.t)) * scale
    exits = [0.5 * math.erfc(gap) for gap in gaps.tolist()]
    return math.fsum(m * e for m, e in zip(previous.mass.tolist(), exits, strict=True))


def _quadrature(limit: float, width: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Gauss-Legendre points and weights on (-limit, limit), at most width/2 apart.

    The integrand is analytic on the interval, so the error falls exponentially in the number of
    nodes; Simpson's rule of Jennison and Turnbull needs several times as many for 1e-8.
    """
    needed = max(_FEWEST_NODES, 2.0 * math.pi * limit / width)
    nodes, weights = _gauss_legendre(32 * math.ceil(needed / 32.0))
    return limit * nodes, limit * weights


@lru_cache(maxsize=64)
def _gauss_legendre(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights
