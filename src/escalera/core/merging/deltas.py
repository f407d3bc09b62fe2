"""Methods on what each model changed in its base: trim, scale, let signs vote, add up.

All of them compute base + lambda * sum_i w_i m_i (x_i - base) / divisor, where m_i says what is
kept of a change, and where signs vote, what agrees with the sign that carries more weight. Masks
are made of integer operations on the bits of floats, which run at the speed of memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from escalera.core.merging import chance, numbers, thresholds
from escalera.core.merging.numbers import Floats
from escalera.core.merging.streams import CELL, Block, Stream
from escalera.core.merging.thresholds import Wanted

Trim = Literal["none", "largest", "band", "random", "ranked"]
"""What is kept of a change: all, the largest, all but extremes, some by chance, or by rank."""

_LEAST = 1e-7
"""Magnitudes that add up to less are not scaled: there is nothing to scale by."""
_SIZE = np.int32(0x7FFFFFFF)
_SIGN = np.int32(31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one model's change takes part. `key` seeds its chance.

    `rescale` makes up for what is cut: where chance cuts, by its probability; elsewhere so that
    magnitudes add up to what they did.
    """

    weight: float
    density: float = 1.0
    gamma: float = 0.0
    epsilon: float = 0.0
    key: int = 0
    rescale: bool = False


def added(
    stream: Stream,
    parts: Sequence[Part],
    *,
    trim: Trim = "none",
    vote: bool = False,
    normalize: bool = False,
    factor: float = 1.0,
) -> Iterator[Floats]:
    """The base plus its models' changes; one of *parts* for each input after the base."""
    limits = _limits(stream, parts, trim)
    factors = _factors(stream, parts, trim, limits)
    weights = [np.float32(part.weight) for part in parts]
    total = float(np.sum(np.array(weights), dtype=np.float32))
    whole = 1.0 if abs(total) < 1e-8 else total
    for block in stream.rows() if trim == "ranked" else stream.blocks():
        changes = differences(block)
        for place, (change, part, weight) in enumerate(zip(changes, parts, weights, strict=True)):
            _trimmed(stream, block.start, change, part, trim, limits[place])
            for by in (factors[place], weight):
                if by != 1:
                    np.multiply(change, by, out=change)
        if vote:
            mixed = _elected(stream, changes, weights, normalize=normalize)
        else:
            mixed = summed(changes)
            if normalize and whole != 1:
                np.divide(mixed, np.float32(whole), out=mixed)
        if factor != 1:
            np.multiply(mixed, np.float32(factor), out=mixed)
        yield np.add(block.values[0], mixed, out=mixed)


def differences(block: Block) -> list[Floats]:
    """What each input after the first changes in the first, in place."""
    base = block.values[0]
    return [np.subtract(values, base, out=values) for values in block.values[1:]]


def summed(arrays: Sequence[Floats]) -> Floats:
    """Their sum in order, in the first of them."""
    total = arrays[0]
    for array in arrays[1:]:
        np.add(total, array, out=total)
    return total


def sizes(change: Floats, out: Floats) -> thresholds.Bits:
    """The bits of the magnitudes, in *out*: their order is that of the magnitudes."""
    work = out.view(np.uint32)
    np.bitwise_and(change.view(np.uint32), np.uint32(0x7FFFFFFF), out=work)
    return work


def keep_above(values: Floats, limit: int, spare: Floats) -> None:
    """Zero in place what is smaller in magnitude than the number of the bits *limit*; and zeros."""
    whole, work = values.view(np.int32), spare.view(np.int32)
    np.bitwise_and(whole, _SIZE, out=work)
    np.subtract(np.int32(max(limit, 1) - 1), work, out=work)  # negative where it is kept
    np.right_shift(work, _SIGN, out=work)  # all bits where it is kept, none elsewhere
    np.bitwise_and(whole, work, out=whole)


def keep_below(values: Floats, limit: int, spare: Floats) -> None:
    """Zero in place what is larger in magnitude than the number of the bits *limit*."""
    whole, work = values.view(np.int32), spare.view(np.int32)
    np.bitwise_and(whole, _SIZE, out=work)
    np.subtract(work, np.int32(limit), out=work)
    np.subtract(work, np.int32(1), out=work)  # negative where it is kept
    np.right_shift(work, _SIGN, out=work)
    np.bitwise_and(whole, work, out=whole)


def agreeing(changes: Sequence[Floats], total: Floats, spare: Floats) -> None:
    """Zero in place what has another sign than *total* (TIES, section 3), which is overwritten."""
    work, votes = spare.view(np.int32), total.view(np.int32)
    np.invert(votes, out=votes)
    for change in changes:
        whole = change.view(np.int32)
        np.bitwise_xor(whole, votes, out=work)
        np.right_shift(work, _SIGN, out=work)  # all bits where the signs are alike
        np.bitwise_and(whole, work, out=whole)


def total_of(changes: Sequence[Floats], out: Floats) -> Floats:
    """Their sum in order, in *out*."""
    if len(changes) == 1:
        np.copyto(out, changes[0])
        return out
    np.add(changes[0], changes[1], out=out)
    for change in changes[2:]:
        np.add(out, change, out=out)
    return out


def shares(
    changes: Sequence[Floats], weights: Sequence[np.float32], out: Floats, spare: Floats
) -> Floats:
    """For each number the sum of the weights of those changes that are not zero there, in *out*."""
    work = spare.view(np.int32)
    out.fill(0)
    for change, weight in zip(changes, weights, strict=True):
        np.bitwise_and(change.view(np.int32), _SIZE, out=work)
        np.negative(work, out=work)
        np.right_shift(work, _SIGN, out=work)  # all bits where it is not zero
        np.bitwise_and(work, weight.view(np.int32), out=work)
        np.add(out, spare, out=out)
    return out


def divide(mixed: Floats, by: Floats, *, positive: bool) -> Floats:
    """*mixed* divided in place, where the divisor is not zero; it is zero where mixed is."""
    if positive:
        np.maximum(by, np.float32(1e-30), out=by)
    else:
        by[by == 0] = 1
    return np.divide(mixed, by, out=mixed)


# Below: private.


def _elected(
    stream: Stream, changes: Sequence[Floats], weights: Sequence[np.float32], *, normalize: bool
) -> Floats:
    size = len(changes[0])
    spare = stream.spare("bits", size)
    total = total_of(changes, stream.spare("total", size))
    agreeing(changes, total, spare)
    by = shares(changes, weights, total, spare) if normalize else None
    mixed = summed(changes)
    if by is not None:
        divide(mixed, by, positive=all(weight > 0 for weight in weights))
    return mixed


def _limits(stream: Stream, parts: Sequence[Part], trim: Trim) -> list[tuple[int, int]]:
    """For each part the bits of the smallest and of the largest magnitude that is kept."""
    everything = (0, 0x7F800000)
    if trim not in ("largest", "band"):
        return [everything] * len(parts)
    wanted, owners = [], []
    for place, part in enumerate(parts):
        kept = max(1, int(part.density * stream.size))
        if not 0 < part.density < 1:
            continue
        cut = min(int(part.gamma * stream.size), stream.size - kept) if trim == "band" else 0
        lowest = stream.size - kept - cut
        wanted.append(Wanted(quantity=place, rank=lowest, size=stream.size))
        owners.append((place, 0))
        if cut:
            wanted.append(Wanted(quantity=place, rank=lowest + kept - 1, size=stream.size))
            owners.append((place, 1))
    limits = [list(everything) for _ in parts]
    for (place, end), bits in zip(owners, _ranked(stream, wanted), strict=True):
        limits[place][end] = bits
    return [(low, high) for low, high in limits]


def _ranked(stream: Stream, wanted: Sequence[Wanted]) -> list[int]:
    if not wanted:
        return []

    def parts() -> Iterator[Sequence[thresholds.Bits]]:
        for block in stream.blocks():
            yield [sizes(change, change) for change in differences(block)]

    sample = [sizes(change, change).copy() for change in differences(stream.sample())]
    return thresholds.smallest(wanted, sample, parts, held=stream.held)


def _factors(
    stream: Stream, parts: Sequence[Part], trim: Trim, limits: Sequence[tuple[int, int]]
) -> list[np.float32]:
    """What each trimmed change is multiplied by so that its magnitudes add up to those of all."""
    ones = [np.float32(1)] * len(parts)
    if trim not in ("largest", "band"):
        return ones
    asked = [place for place, part in enumerate(parts) if part.rescale and 0 < part.density < 1]
    if not asked:
        return ones
    sums = np.zeros((2, len(parts)))
    for block in stream.blocks():
        changes = differences(block)
        for place in asked:
            change = changes[place]
            sums[0, place] += _magnitude(stream, change)
            _trimmed(stream, block.start, change, parts[place], trim, limits[place])
            sums[1, place] += _magnitude(stream, change)
    for place in asked:
        whole, kept = sums[:, place]
        if min(whole, kept) >= _LEAST:
            ones[place] = np.float32(whole / kept)
    return ones


def _magnitude(stream: Stream, change: Floats) -> float:
    """The sum of the magnitudes, by cells: no size of a block changes a bit of it."""
    sizes_of, ones = stream.spare("total", len(change)), stream.spare("ones", len(change))
    np.abs(change, out=sizes_of)
    ones.fill(1)
    return sum(numbers.products(sizes_of, ones, CELL))


def _trimmed(
    stream: Stream, start: int, change: Floats, part: Part, trim: Trim, limit: tuple[int, int]
) -> None:
    """Trim in place, and scale so that the expected change is the whole one, where chance trims."""
    if trim == "none" or part.density >= 1:
        return
    if part.density <= 0:
        change.fill(0)
        return
    spare = stream.spare("bits", len(change))
    if trim == "random":
        _by_chance(change, part, start)
    elif trim == "ranked":
        _by_rank(change, part, start, stream.width)
    else:
        keep_above(change, limit[0], spare)
        if trim == "band":
            keep_below(change, limit[1], spare)


def _by_chance(change: Floats, part: Part, start: int) -> None:
    """DARE (Yu et al. 2024, equation 3): drop by chance, divide what stays by its probability."""
    drawn = chance.bits(part.key, start, len(change))
    np.right_shift(drawn, 1, out=drawn)
    work = drawn.view(np.int32)
    np.subtract(work, np.int32(round(part.density * 2**31)), out=work)  # negative where it is kept
    np.right_shift(work, _SIGN, out=work)
    whole = change.view(np.int32)
    np.bitwise_and(whole, work, out=whole)
    if part.rescale:
        np.multiply(change, np.float32(1 / part.density), out=change)


def _by_rank(change: Floats, part: Part, start: int, width: int) -> None:
    """DELLA (Deep et al. 2024, section 3.1): the larger in its row, the likelier it is kept.

    Probabilities go from density - epsilon to density + epsilon in equal steps with the rank; what
    is kept is divided by its own. Ties are ranked by position.
    """
    rows = change.reshape(-1, width)
    packed = sizes(change, np.empty_like(change)).astype(np.uint64).reshape(rows.shape)
    np.left_shift(packed, np.uint64(32), out=packed)
    np.bitwise_or(packed, np.arange(width, dtype=np.uint64), out=packed)
    packed.sort(axis=1)
    order = np.bitwise_and(packed, np.uint64(0xFFFFFFFF)).astype(np.intp)
    low, high = part.density - part.epsilon, part.density + part.epsilon
    steps = np.linspace(low, high, width) if width > 1 else np.full(1, part.density)
    probabilities = np.empty(rows.shape, np.float32)
    np.put_along_axis(
        probabilities, order, np.broadcast_to(steps.astype(np.float32), rows.shape), axis=1
    )
    drawn = chance.bits(part.key, start, len(change)).reshape(rows.shape)
    kept = drawn * np.float32(2.0**-32) < probabilities
    if part.rescale:
        np.divide(rows, probabilities, out=rows)
    np.multiply(rows, kept, out=rows)
