"""How much data a task needs: what its score may become, and when it reaches the bar.

`forecast` is the one entry: measured trainings in, a `Forecast` out. Nothing is trained here, and
what to train next is for `data_plan` to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from escalera.core.finetuning import curve_prior, futures, posterior, trainings
from escalera.core.finetuning.curve_prior import CurvePrior
from escalera.core.finetuning.futures import Futures
from escalera.core.finetuning.shapes import FAMILIES, Family, Floats
from escalera.core.finetuning.trainings import Training
from escalera.core.stats.clustering import Clusters
from escalera.errors import InputError

LEVELS = (0.5, 0.8, 0.95)
"""Probabilities of the intervals that a forecast gives."""

LIKELY = 0.8
"""Probability at which something is said to be so."""

POINT = 0.01
_STEPS = 64

NeedVerdict = Literal["enough", "more data", "undecided", "not by data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the score to be reached, and the largest number of examples worth having.

    `bar` in (0, 1); `cost_per_example` in any money, None where it is not known.
    """

    bar: float
    most: int
    cost_per_example: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """The score with so many examples: median, and an interval for each of `LEVELS`."""

    examples: int
    score: float
    intervals: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Examples in all, those at hand included, with which the bar is reached.

    Median and 80 % interval; None is more than the most that were asked about. `now` and `ever`:
    probability that the bar is reached with the examples at hand, and with the most.
    """

    examples: int | None
    lower: int | None
    upper: int | None
    now: float
    ever: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What more data would do for one task.

    `predicted` is of the mean over trainings, for all items of the kind: at hand, its doublings,
    and the most. `point`: more examples for one more percentage point, None where there is none to
    be had. `families`: probability of each curve family.
    """

    question: Question
    at_hand: int
    predicted: tuple[Predicted, ...]
    need: Need
    point: int | None
    families: tuple[tuple[Family, float], ...]
    verdict: NeedVerdict

    @property
    def more(self) -> tuple[int | None, int | None, int | None]:
        """Examples to be added for the bar: median and ends of the 80 % interval."""
        need = self.need
        return self._more(need.examples), self._more(need.lower), self._more(need.upper)

    @property
    def price(self) -> tuple[float | None, float | None, float | None] | None:
        """Of those examples; None where no cost per example was given."""
        cost = self.question.cost_per_example
        if cost is None:
            return None
        middle, lower, upper = (None if n is None else n * cost for n in self.more)
        return middle, lower, upper

    def _more(self, examples: int | None) -> int | None:
        return None if examples is None else max(0, examples - self.at_hand)


def forecast(
    measured: Sequence[Training],
    question: Question,
    *,
    pool: int | None = None,
    clusters: Clusters = None,
    prior: CurvePrior = curve_prior.LEARNED,
) -> Forecast:
    """Return what more data would do, from trainings on nested subsets of at least three sizes.

    `pool`: the examples at hand, by default the largest size trained on; `clusters`: one label per
    item, where single scores are given. InputError for what `trainings.points` refuses, a bar
    outside (0, 1), a negative cost, or a most that is not above the examples at hand.
    """
    points = trainings.points(measured, pool=pool)
    at_hand = int(points.pool)
    check(question, at_hand)
    found = posterior.fit(points, prior)
    sizes = np.geomspace(at_hand, question.most, _STEPS + 1)
    error = futures.item_error(measured, clusters)
    drawn = futures.draw(found, sizes.tolist(), item_error=error)
    scores = drawn.population()
    need = _need(sizes, scores, question.bar)
    weight = [float(found.weight[found.shapes.family == i].sum()) for i in range(len(FAMILIES))]
    return Forecast(
        question=question,
        at_hand=at_hand,
        predicted=tuple(_predicted(drawn, n) for n in _told(at_hand, question.most)),
        need=need,
        point=_point(sizes, scores),
        families=tuple(zip(FAMILIES, weight, strict=True)),
        verdict=_verdict(need),
    )


def check(question: Question, at_hand: int) -> None:
    """Raise `InputError` for a question that makes no sense."""
    bar, most, cost = question.bar, question.most, question.cost_per_example
    if not 0.0 < bar < 1.0:
        raise InputError(f"bar {bar!r} must lie strictly between 0 and 1: pass the task's bar")
    if most <= at_hand:
        raise InputError(
            f"{most!r} examples at most are no more than the {at_hand} at hand: ask about more, "
            f"{4 * at_hand} say"
        )
    if cost is not None and not (cost >= 0.0 and math.isfinite(cost)):
        raise InputError(f"cost per example {cost!r} must not be negative: pass what a label costs")


# Private.


def _told(at_hand: int, most: int) -> list[int]:
    """At hand, doublings of it, and the most."""
    doublings = [at_hand * 2**i for i in range(int(math.log2(most / at_hand)) + 1)]
    return [*(n for n in doublings if n < most), most]


def _predicted(drawn: Futures, examples: int) -> Predicted:
    """Read off between the sizes drawn."""
    place = np.interp(math.log(examples), np.log(drawn.examples), np.arange(len(drawn.examples)))
    before = min(int(place), len(drawn.examples) - 2)
    share = float(place) - before
    scores = drawn.population()
    at = (1.0 - share) * scores[:, before] + share * scores[:, before + 1]
    ends = [np.quantile(at, [0.5 - 0.5 * level, 0.5 + 0.5 * level]) for level in LEVELS]
    return Predicted(
        examples=examples,
        score=float(np.median(at)),
        intervals=tuple((float(low), float(high)) for low, high in ends),
    )


def _need(sizes: Floats, scores: Floats, bar: float) -> Need:
    """From the first size at which each drawn curve is at the bar."""
    reached = scores >= bar
    ever = reached.any(axis=1)
    first = np.where(ever, sizes[np.argmax(reached, axis=1)], np.inf)
    tail = 0.5 - 0.5 * LIKELY
    lower, middle, upper = np.quantile(first, [tail, 0.5, 1.0 - tail], method="higher")
    return Need(
        examples=_whole(middle),
        lower=_whole(lower),
        upper=_whole(upper),
        now=float(reached[:, 0].mean()),
        ever=float(ever.mean()),
    )


def _whole(examples: float) -> int | None:
    return math.ceil(examples - 1e-6) if math.isfinite(examples) else None


def _point(sizes: Floats, scores: Floats) -> int | None:
    """More examples until the median score is a point above that at hand."""
    middle = np.median(scores, axis=0)
    above = np.flatnonzero(middle >= middle[0] + POINT)
    if not above.size:
        return None
    i = int(above[0])
    share = (middle[0] + POINT - middle[i - 1]) / (middle[i] - middle[i - 1])
    examples = float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share)
    return math.ceil(examples - float(sizes[0]))


def _verdict(need: Need) -> NeedVerdict:
    if need.now >= LIKELY:
        return "enough"
    if need.ever <= 1.0 - LIKELY:
        return "not by data"
    return "undecided" if need.examples is None else "more data"
