"""Methods that mix whole tensors by coefficients, which need no more than their inner products.

SLERP, means on the sphere and Model Stock all end in a linear combination of the inputs, or of what
they change in the base, and its coefficients follow from the matrix of inner products (the Gram
matrix): one pass for the matrix, a computation of a few numbers, one pass for the combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from math import acos, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from escalera.core.merging import numbers
from escalera.core.merging.deltas import differences
from escalera.core.merging.numbers import Floats
from escalera.core.merging.streams import CELL, Stream

Matrix = NDArray[np.float64]
_TINY = 1e-8


def combined(stream: Stream, coefficients: Sequence[float]) -> Iterator[Floats]:
    """The sum of all inputs times their coefficients."""
    factors = [np.float32(value) for value in coefficients]
    for block in stream.blocks():
        yield _mixed(block.values, factors)


def moved(stream: Stream, coefficients: Sequence[float]) -> Iterator[Floats]:
    """The base (first) plus what the others change in it, times their coefficients."""
    factors = [np.float32(value) for value in coefficients]
    for block in stream.blocks():
        mixed = _mixed(differences(block), factors)
        yield np.add(block.values[0], mixed, out=mixed)


def gram(stream: Stream, *, about_base: bool = False) -> Matrix:
    """Inner products of all inputs, or of what they change in the base (the first), in one pass."""
    count = len(stream) - about_base
    pairs = list(combinations_with_replacement(range(count), 2))
    sums = [0.0] * len(pairs)
    for block in stream.blocks():
        values = differences(block) if about_base else block.values
        for place, (one, other) in enumerate(pairs):
            for part in numbers.products(values[one], values[other], CELL):
                sums[place] += part
    found = np.empty((count, count))
    for (one, other), value in zip(pairs, sums, strict=True):
        found[one, other] = found[other, one] = value
    return found


def slerp(products: Matrix, t: float, *, parallel: float = 0.9995) -> list[float]:
    """Coefficients of two vectors on the arc between them (Shoemake 1985, section 3.3).

    Vectors whose cosine is beyond *parallel* either way are mixed linearly: there is no one arc.
    """
    cosine = _cosine(products, 0, 1)
    if abs(cosine) > parallel:
        return [1 - t, t]
    angle = acos(cosine)
    return [sin((1 - t) * angle) / sin(angle), sin(t * angle) / sin(angle)]


def model_stock(products: Matrix) -> float:
    """How far to go from the base to the mean of its models (Jang et al. 2024, equation 2).

    *products* are those of the changes. t = N cos / (1 + (N - 1) cos), where cos is the mean cosine
    of two changes.
    """
    count = len(products)
    cosines = [_cosine(products, a, b) for a in range(count) for b in range(a + 1, count)]
    cosine = float(np.mean(cosines))
    divisor = 1 + (count - 1) * cosine
    return 0.0 if abs(divisor) < 1e-6 else count * cosine / divisor


def karcher(
    products: Matrix, weights: Sequence[float], *, rounds: int = 10, tolerance: float = 1e-5
) -> list[float]:
    """Coefficients of the mean on the sphere, times the mean length (Karcher 1977).

    The mean direction m is a combination of the unit vectors u_i; each round goes along the mean of
    the logarithms log_m(u_i) = a / sin(a) (u_i - cos(a) m), where a is the angle of m and u_i. Only
    inner products of the u_i are needed, so the rounds cost nothing.
    """
    lengths = np.sqrt(np.diag(products))
    shares = np.asarray(weights, float) * (lengths > tolerance)
    if not shares.any():
        return [0.0] * len(weights)
    shares = shares / shares.sum()
    safe = np.where(lengths > tolerance, lengths, 1.0)
    units = products / np.outer(safe, safe)
    mean = _unit(shares, units)
    if mean is None:
        mean = (np.arange(len(shares)) == int(np.argmax(shares > 0))).astype(float)
    for _ in range(rounds):
        step = _tangent(mean, shares, units, tolerance)
        length = sqrt(max(float(step @ units @ step), 0.0))
        if length < tolerance:
            break
        turned = np.cos(length) * mean + np.sin(length) / length * step
        mean = _unit(turned, units)
        if mean is None:
            raise AssertionError("a step along the sphere leads nowhere")
    scale = float(np.dot(np.asarray(weights, float) / np.sum(weights), lengths))
    return [float(value) for value in scale * mean / safe]


def multislerp(products: Matrix, weights: Sequence[float]) -> list[float] | None:
    """Coefficients of one step of the mean on the sphere from the normalised weighted mean.

    None where the weighted directions cancel out and there is no direction to go.
    """
    given = np.asarray(weights, float)
    lengths = np.sqrt(np.diag(products))
    units = products / np.outer(lengths + _TINY, lengths + _TINY)
    mean = _unit(given, units)
    if mean is None:
        return None
    dots = units @ mean
    tangent = given - float(given @ dots) * mean
    length = sqrt(max(float(tangent @ units @ tangent), 0.0)) + _TINY
    turned = np.cos(length) * mean + np.sin(length) / length * tangent
    return [float(value) for value in float(given @ lengths) * turned / (lengths + _TINY)]


# Below: private.


def _mixed(values: Sequence[Floats], factors: Sequence[np.float32]) -> Floats:
    total = values[0]
    if factors[0] != 1:
        np.multiply(total, factors[0], out=total)
    for array, factor in zip(values[1:], factors[1:], strict=True):
        if factor != 1:
            np.multiply(array, factor, out=array)
        np.add(total, array, out=total)
    return total


def _cosine(products: Matrix, one: int, other: int) -> float:
    lengths = sqrt(products[one, one] * products[other, other])
    return min(1.0, max(-1.0, float(products[one, other] / lengths))) if lengths else 0.0


def _unit(vector: NDArray[np.float64], units: Matrix) -> NDArray[np.float64] | None:
    length = sqrt(max(float(vector @ units @ vector), 0.0))
    found: NDArray[np.float64] = vector / length if length > 1e-12 else vector
    return found if length > 1e-12 else None


def _tangent(
    mean: NDArray[np.float64], shares: NDArray[np.float64], units: Matrix, tolerance: float
) -> NDArray[np.float64]:
    """The weighted mean of the logarithms at *mean*, in terms of the unit vectors."""
    step = np.zeros(len(shares))
    for place, share in enumerate(shares):
        dot = min(1.0, max(-1.0, float(units[place] @ mean)))
        angle = acos(dot)
        if share and angle >= tolerance:
            factor = share * angle / max(sin(angle), _TINY)
            step[place] += factor
            step -= factor * dot * mean
    return step
