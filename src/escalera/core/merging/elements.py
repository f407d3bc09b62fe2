"""Methods that decide number by number by something else than a trimmed, voted sum of changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from escalera.core.merging import deltas, numbers, thresholds
from escalera.core.merging.numbers import Floats
from escalera.core.merging.streams import CELL, Block, Stream, Tensor
from escalera.core.merging.thresholds import Wanted
from escalera.errors import MergeError


def sce(stream: Stream, *, density: float) -> Iterator[Floats]:
    """Select, calculate, erase (Wan et al. 2024, "FuseChat", section 3.2).

    Select the share *density* of those numbers in which models differ (by the variance of their
    changes); weigh each model by the squares of its selected changes; erase changes whose sign is
    not that of the sum.
    """
    limit = _most_different(stream, density) if density < 1 else None
    squares = [0.0] * (len(stream) - 1)
    for block in stream.blocks():
        for place, change in enumerate(_selected(stream, block, limit)):
            for found in numbers.products(change, change, CELL):
                squares[place] += found
    total = sum(squares)
    shares = [value / total if total else 1 / len(squares) for value in squares]
    weights = [np.float32(share) for share in shares]
    for block in stream.blocks():
        spare, votes = stream.spare("bits", block.size), stream.spare("total", block.size)
        changes = _selected(stream, block, limit)
        deltas.agreeing(changes, deltas.total_of(changes, votes), spare)
        by = deltas.shares(changes, weights, votes, spare)
        for change, weight in zip(changes, weights, strict=True):
            np.multiply(change, weight, out=change)
        mixed = deltas.divide(deltas.summed(changes), by, positive=True)
        yield np.add(block.values[0], mixed, out=mixed)


def fisher(stream: Stream, weights: Sequence[float], *, floor: float = 1e-6) -> Iterator[Floats]:
    """Weights averaged by how much each matters to its model (Matena and Raffel 2022, equation 4).

    The second half of the inputs are the diagonals of the models' Fisher information, of which none
    counts less than *floor*.
    """
    count = len(weights)
    for block in stream.blocks():
        by = stream.spare("total", block.size)
        by.fill(0)
        for values, matters, weight in zip(
            block.values[:count], block.values[count:], weights, strict=True
        ):
            np.maximum(matters, np.float32(floor), out=matters)
            np.multiply(matters, np.float32(weight), out=matters)
            np.multiply(values, matters, out=values)
            np.add(by, matters, out=by)
        yield np.divide(deltas.summed(block.values[:count]), by, out=block.values[0])


def regmean(stream: Stream, inner: Sequence[Tensor], *, shrink: float = 0.9) -> Iterator[Floats]:
    """Weights W that keep each model's outputs on its own inputs (Jin et al. 2023, equation 2).

    W = (sum_i W_i G_i) (sum_i G_i)^-1 with G_i = X_i^T X_i, the *inner* products of the inputs that
    the layer of model i has seen; off the diagonal they are multiplied by *shrink*. What multiplies
    an input that was 0 for all of them is averaged. Raises `MergeError` where the sum of the G_i
    has no inverse.
    """
    width = stream.width
    products = [_shrunk(tensor, width, shrink) for tensor in inner]
    unseen = np.all([np.diag(product) == 0 for product in products], axis=0)
    products = [product + np.diag(unseen.astype(float)) for product in products]
    whole = np.sum(products, axis=0)
    try:
        factors = [np.linalg.solve(whole, product).astype(np.float32) for product in products]
    except np.linalg.LinAlgError as error:
        raise MergeError(
            "the inner products of a layer's inputs add up to a matrix without an inverse "
            "(regmean). Compute them from more items, or set shrink below 1."
        ) from error
    for block in stream.rows():
        rows = [values.reshape(-1, width) for values in block.values]
        # solve gives whole^-1 G, of which the transpose is G whole^-1: both are symmetric.
        mixed = rows[0] @ factors[0].T
        for values, factor in zip(rows[1:], factors[1:], strict=True):
            mixed += values @ factor.T
        yield mixed.reshape(-1)


def nearswap(stream: Stream, t: float) -> Iterator[Floats]:
    """Interpolate towards the second model the more, the closer the two already are.

    w = min(1, t / |a - b|) of the second (alchemonaut 2024, card of QuartetAnemoi-70B-t0.0001).
    """
    for block in stream.blocks():
        first, second = block.values
        weight = stream.spare("total", block.size)
        np.subtract(first, second, out=weight)
        np.abs(weight, out=weight)
        np.maximum(weight, np.float32(1e-6), out=weight)
        np.divide(np.float32(t), weight, out=weight)
        np.clip(weight, np.float32(0), np.float32(1), out=weight)
        np.multiply(second, weight, out=second)
        np.subtract(np.float32(1), weight, out=weight)
        np.multiply(first, weight, out=first)
        yield np.add(second, first, out=first)


def ram(stream: Stream, *, epsilon: float = 1e-5) -> Iterator[Floats]:
    """Add changes that one model alone made, average those that several made (arXiv 2601.13572).

    A change of at most *epsilon* is none.
    """
    limit = int(np.nextafter(np.float32(epsilon), np.float32(np.inf)).view(np.int32))
    ones = [np.float32(1)] * (len(stream) - 1)
    for block in stream.blocks():
        spare, by = stream.spare("bits", block.size), stream.spare("total", block.size)
        changes = deltas.differences(block)
        for change in changes:
            deltas.keep_above(change, limit, spare)
        deltas.shares(changes, ones, by, spare)
        mixed = deltas.divide(deltas.summed(changes), by, positive=True)
        yield np.add(block.values[0], mixed, out=mixed)


# Below: private.


def _variance(stream: Stream, changes: Sequence[Floats]) -> thresholds.Bits:
    """Bits of the variance over models of each number (population form), overwriting changes."""
    size = len(changes[0])
    mean, total = stream.spare("total", size), stream.spare("variance", size)
    deltas.total_of(changes, mean)
    np.divide(mean, np.float32(len(changes)), out=mean)
    total.fill(0)
    for change in changes:
        np.subtract(change, mean, out=change)
        np.multiply(change, change, out=change)
        np.add(total, change, out=total)
    np.divide(total, np.float32(len(changes)), out=total)
    return total.view(np.uint32)


def _most_different(stream: Stream, density: float) -> int:
    """The bits of the smallest variance that is selected."""

    def parts() -> Iterator[Sequence[thresholds.Bits]]:
        for block in stream.blocks():
            yield [_variance(stream, deltas.differences(block))]

    unequal = sum(int(np.count_nonzero(found)) for (found,) in parts())
    kept = int(unequal * density)
    if not kept:
        return 0x7F800000
    wanted = Wanted(quantity=0, rank=stream.size - kept, size=stream.size)
    sample = [_variance(stream, deltas.differences(stream.sample())).copy()]
    return thresholds.smallest([wanted], sample, parts, held=stream.held)[0]


def _selected(stream: Stream, block: Block, limit: int | None) -> list[Floats]:
    """The changes, zero where models differ less than the limit (given as bits of a variance)."""
    changes = deltas.differences(block)
    if limit is None:
        return changes
    held = [stream.spare(f"held {place}", block.size) for place in range(len(changes))]
    for change, copy in zip(changes, held, strict=True):
        np.copyto(copy, change)
    mask = _variance(stream, changes).view(np.int32)
    np.subtract(np.int32(max(limit, 1) - 1), mask, out=mask)
    np.right_shift(mask, np.int32(31), out=mask)
    for copy in held:
        np.bitwise_and(copy.view(np.int32), mask, out=copy.view(np.int32))
    return held


def _shrunk(tensor: Tensor, width: int, shrink: float) -> NDArray[np.float64]:
    flat = np.empty(tensor.size, np.float32)
    tensor.read(0, tensor.size, flat)
    product = flat.reshape(width, width).astype(np.float64)
    diagonal = np.diag(product).copy()
    product *= shrink
    np.fill_diagonal(product, diagonal)
    return product
