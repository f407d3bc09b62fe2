"""Measured trainings: what a learning curve is fitted to, and how their errors hang together.

Two trainings share luck twice. They are scored on the same items: that shifts the whole curve, and
matters only when other items are asked about. And their examples overlap: subsets of one pool are
not independent draws. For a score that is a smooth function of the empirical distribution of the
examples, deviations behave like those of means, so that the correlation of two subsets is

    |D1 and D2| / sqrt(|D1| |D2|),

1 for the same examples, sqrt(n/m) where one subset holds the other (Efron 1982, chapter 4, on
functional statistics). What remains, items that flip from training to training, is independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.core.finetuning.shapes import Floats
from escalera.errors import InputError

FEWEST_SIZES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training and its score on the held-out items.

    `examples`: how many it learned from. `chain`: which nested subsets it belongs to; of one
    chain, the smaller subset is inside the larger. `score`: mean over `items` scored items, in
    [0, 1]. `scores`: those of the single items, in one order for all trainings, or empty.
    """

    examples: int
    chain: int
    score: float
    items: int
    scores: tuple[float, ...] = ()


def of_scores(examples: int, chain: int, scores: Sequence[float]) -> Training:
    """Return a training from the scores of its items."""
    if not scores:
        raise InputError(
            f"a training on {examples!r} examples has no scored item: score it on held-out items"
        )
    return Training(
        examples=examples,
        chain=chain,
        score=float(np.mean(scores)),
        items=len(scores),
        scores=tuple(map(float, scores)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Trainings as arrays.

    `error`: 1 - score. `level`: the error by size, made to fall and kept off 0 and 1; what noise
    is scaled by. `items`: fewest items of any training. `flips`: variance of one item over
    trainings as a share of level (1 - level), None where items were not given or nothing was
    repeated. `pool`: number of examples that all subsets were drawn from. `largest`: the largest
    size measured.
    """

    examples: Floats
    chain: NDArray[np.int_]
    error: Floats
    level: Floats
    items: int
    flips: float | None
    pool: float
    largest: float


def points(trainings: Sequence[Training], *, pool: int | None = None) -> Points:
    """Return checked trainings. `pool`: the examples at hand, by default the largest size.

    InputError for scores outside [0, 1], sizes below 1 or above the pool, items that differ, or
    fewer than three sizes: two sizes fit every family equally well, so they forecast nothing.
    """
    for one in trainings:
        _check(one)
    ordered = sorted(trainings, key=lambda t: (t.examples, t.chain))
    sizes = sorted({t.examples for t in ordered})
    _require_sizes(sizes)
    if pool is not None and pool < sizes[-1]:
        raise InputError(
            f"a pool of {pool!r} examples is smaller than a training's {sizes[-1]!r}: give the "
            "number of examples that the subsets were drawn from"
        )
    if len({len(t.scores) for t in ordered}) > 1:
        raise InputError(
            "trainings were scored on different numbers of items: score all on the same items, or "
            "leave the scores of single items out of all"
        )
    items = min(t.items for t in ordered)
    examples = np.array([t.examples for t in ordered], dtype=np.float64)
    error = np.array([1.0 - t.score for t in ordered])
    level = _levels(examples, error, items)
    return Points(
        examples=examples,
        chain=np.array([t.chain for t in ordered], dtype=np.int_),
        error=error,
        level=level,
        items=items,
        flips=_flips(ordered, level),
        pool=float(pool if pool is not None else sizes[-1]),
        largest=float(sizes[-1]),
    )


def overlap_correlation(found: Points) -> Floats:
    """Return the correlation of deviations due to the choice of examples, for every pair.

    Of one chain the smaller is inside the larger. Of different chains both are random subsets of
    the pool, which share n m / pool examples on the mean.
    """
    n, m = found.examples[:, None], found.examples[None, :]
    nested = np.minimum(n, m)
    by_chance = n * m / found.pool
    shared = np.where(found.chain[:, None] == found.chain[None, :], nested, by_chance)
    correlation: Floats = shared / np.sqrt(n * m)
    return correlation


# Private.


def _check(one: Training) -> None:
    if one.examples < 1:
        raise InputError(
            f"a training on {one.examples!r} examples is no point of a learning curve: leave the "
            "untrained model out"
        )
    if not 0.0 <= one.score <= 1.0:
        raise InputError(
            f"score {one.score!r} of the training on {one.examples} examples lies outside [0, 1]: "
            "rescale the scorer by its true bounds"
        )
    if one.items < 1 or (one.scores and len(one.scores) != one.items):
        raise InputError(
            f"the training on {one.examples} examples has {one.items!r} items and "
            f"{len(one.scores)} scores: give as many as were scored"
        )


def _require_sizes(sizes: Sequence[int]) -> None:
    if len(sizes) >= FEWEST_SIZES:
        return
    told = " and ".join(map(str, sizes)) or "none"
    largest = sizes[-1] if sizes else None
    remedy = (
        f"train on {_missing(sizes)} examples next"
        if largest and largest >= 2 ** (FEWEST_SIZES - 1)
        else "train on nested subsets of three sizes, each twice the one before"
    )
    raise InputError(
        f"sizes measured: {told}. A curve needs three: with fewer, every form fits and none "
        f"forecasts; {remedy}"
    )


def _missing(sizes: Sequence[int]) -> str:
    """Halves of the largest that have not been measured."""
    wanted = [sizes[-1] // 2**i for i in range(1, FEWEST_SIZES + 1)]
    some = [size for size in wanted if size >= 1 and size not in sizes]
    return " and ".join(str(size) for size in some[: FEWEST_SIZES - len(sizes)])


def _levels(examples: Floats, error: Floats, items: int) -> Floats:
    """Error by size: means, made non-increasing by pooling, kept off 0 and 1 by half an item."""
    blocks: list[list[float]] = []
    for size in np.unique(examples):
        some = error[examples == size]
        blocks.append([float(some.sum()), float(len(some)), 1.0])
        while len(blocks) > 1 and _mean(blocks[-1]) > _mean(blocks[-2]):
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    means = np.repeat([_mean(block) for block in blocks], [int(block[2]) for block in blocks])
    smoothed = (means * items + 0.5) / (items + 1.0)
    level: Floats = smoothed[np.searchsorted(np.unique(examples), examples)]
    return level


def _mean(block: list[float]) -> float:
    return block[0] / block[1]


def _flips(ordered: Sequence[Training], level: Floats) -> float | None:
    """Variance of an item's score over trainings of one size, against level (1 - level).

    The unbiased variance of every item over the chains of a size, averaged over items and sizes.
    """
    if not ordered[0].scores:
        return None
    found, against = 0.0, 0.0
    for size in sorted({t.examples for t in ordered}):
        which = [i for i, t in enumerate(ordered) if t.examples == size]
        if len(which) > 1:
            table = np.array([ordered[i].scores for i in which])
            found += float(table.var(axis=0, ddof=1).mean())
            against += float(level[which[0]] * (1.0 - level[which[0]]))
    return found / against if against > 0.0 else None
