"""Choices of a base from pilots: the product's, and simpler ones at no lower cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from escalera.core.finetuning import pilots
from escalera.core.finetuning.data_plan import Planned
from escalera.core.finetuning.pilots import Base, Option, Standing, Terms
from escalera.core.finetuning.trainings import Training

TIED = 0.01
"""A choice whose true score is no further below the best is as good."""

NEVER = Standing(score=0.0, error=0.0)
"""What answers now where only bases are compared."""

Pilot = Callable[[str, Planned], Training]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, what the pilots read as a share of all full trainings, and the forecasts."""

    name: str
    cost: float
    options: tuple[Option, ...] = ()


def ours(names: Sequence[str], pilot: Pilot, pool: int, standing: Standing = NEVER) -> Choice:
    """The product's: halving, forecasts, and pilots while they are worth it."""
    terms = Terms(pool=pool)
    done = {name: [pilot(name, plan) for plan in pilots.opening(pool)] for name in names}
    while True:
        bases = [Base(name=name, pilots=tuple(done[name])) for name in names]
        following = pilots.following(bases, standing, terms)
        if following.base is None or following.plan is None:
            break
        done[following.base].append(pilot(following.base, following.plan))
    found = pilots.options(bases, standing, terms)
    read = sum(one.examples for some in done.values() for one in some)
    return Choice(name=found[0].name, cost=read / (len(names) * pool), options=found)


def one_size(names: Sequence[str], pilot: Pilot, pool: int, standing: Standing = NEVER) -> Choice:
    """One pilot of every base on the largest power-of-two part within a tenth; highest score."""
    size = max(n for n in pilots.sizes(pool) if n <= pilots.SHARE * pool)
    scores = {name: pilot(name, Planned(examples=size, chain=1)).score for name in names}
    return _highest(scores, standing, size / pool)


def halving(names: Sequence[str], pilot: Pilot, pool: int, standing: Standing = NEVER) -> Choice:
    """Successive halving by the last score, from the size at which it reads a tenth."""
    rounds, left = _rounds(len(names)), list(names)
    allowed = pilots.SHARE * len(names) * pool
    sizes = [
        size
        for size in pilots.sizes(pool)
        if sum(2**k * size * max(1, len(names) // 2**k) for k in range(rounds)) <= allowed
    ]
    size, read = sizes[-1] if sizes else pilots.sizes(pool)[0], 0
    scores: dict[str, float] = {}
    for _ in range(rounds):
        scores = {name: pilot(name, Planned(examples=size, chain=1)).score for name in left}
        read += size * len(left)
        left = sorted(left, key=lambda name: -scores[name])[: max(1, len(left) // 2)]
        size *= 2
    best = {name: scores[name] for name in left[:1]}
    return _highest(best, standing, read / (len(names) * pool))


def alike(full: Mapping[str, np.ndarray]) -> frozenset[str]:
    """Bases that full trainings do not tell from the best: z below 1.96.

    A row for each seed, a column for each item. The variance of a difference is that of its items,
    each the mean over seeds, and that of seeds, which all bases are taken to share.
    """
    best = max(full.values(), key=lambda scores: float(scores.mean()))
    found = set()
    for name, scores in full.items():
        lacking = (best - scores).mean(axis=0)
        variance = lacking.var(ddof=1) / len(lacking) + 2 * spread(full) / len(scores)
        if lacking.mean() <= 1.96 * variance**0.5:
            found.add(name)
    return frozenset(found)


def spread(full: Mapping[str, np.ndarray]) -> float:
    """The variance of a full training's score over seeds: the mean over bases."""
    return float(np.mean([scores.mean(axis=1).var(ddof=1) for scores in full.values()]))


def right(choice: str, truths: dict[str, float]) -> bool:
    """Whether the choice is the best in truth, or tied with it."""
    return truths[choice] >= max(truths.values()) - TIED


# Private.


def _rounds(count: int) -> int:
    return max(1, count.bit_length() - 1)


def _highest(scores: dict[str, float], standing: Standing, cost: float) -> Choice:
    name = max(scores, key=lambda one: scores[one])
    stays = standing.score >= scores[name]
    return Choice(name=pilots.STAY if stays else name, cost=cost)
