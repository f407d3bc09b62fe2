"""Two systems on common items, read at any time, or about these items alone: bets on differences.

anytime  A betting confidence sequence on the paired differences (`stats.betting`), a whole cluster
         to a step: it holds whenever it is read, and whyever it was stopped.
finite   The same without replacement (`stats.finite`), an item to a step: what all items of this
         data set would say, and nothing about others.

A judge's scores count by themselves, and the reading says so (`Basis`): people's labels correct a
judge at looks or once (`correction`), for that interval is one of a fixed number of labels, and has
no form here that holds at all times.

Rows are in an order that was fixed before there were results, and a sample is a beginning of it:
whole clusters in the order of `Examples.in_clusters`, items in that of `Examples.in_order`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal, cast

import numpy as np

from escalera.core.evaluation import correction
from escalera.core.evaluation.compare import withstanding
from escalera.core.evaluation.contrast import Asked, Contrast, Found, filled
from escalera.core.evaluation.sample import Sample, Scores
from escalera.core.stats import betting, bounded, finite
from escalera.core.stats.clustering import Interval, Values
from escalera.domain.event import Looked
from escalera.domain.judge import Basis
from escalera.domain.verdict import Comparison, Gate, Question

RunningMode = Literal["anytime", "finite"]

_SHARP = 4
"""The interval is sharpest after this part of the steps; it holds before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """All items of a task, as they are known before there are results.

    `largest` is the number of items of the largest cluster.
    """

    items: int
    clusters: int
    largest: int


def frame(clusters: Iterable[str]) -> Frame:
    """The frame of items with these clusters. ValueError without any."""
    sizes = Counter(clusters)
    if not sizes:
        raise ValueError("no items have no frame: compare tasks that hold items")
    return Frame(items=sizes.total(), clusters=len(sizes), largest=max(sizes.values()))


def look(question: Question, sample: Sample, whole: Frame, before: Sequence[Looked]) -> Looked:
    """Read a regression *question* on *sample*, in its mode. A function of the evidence."""
    scores = sample.scored
    interval = cache(partial(_difference, question, whole, len(sample.rows)))
    verdict, passed, shown = withstanding(question, sample, interval)
    return Looked(
        question=question,
        look=len(before) + 1,
        looks=len(before) + 1,
        figure=scores.figure(interval(scores)),
        statistic=None,
        boundary=None,
        alpha_spent=question.alpha,
        verdict=verdict,
        passed=passed,
        settled=shown or len(sample.rows) == whole.items,
        unscored=sample.unscored,
        basis=_basis(sample),
        labels=correction.labelled(scores),
    )


def row(question: Question, sample: Sample, whole: Frame) -> Contrast:
    """The same reading as a row of a table. ValueError where no item has both scores."""
    scores = sample.scored
    if not scores.candidate:
        raise ValueError(f"{question.task!r} has no pair of scores: there is no row to make of it")
    interval = cache(partial(_difference, question, whole, len(sample.rows)))
    verdict, passed, shown = withstanding(question, sample, interval)
    gate: Gate = "regressed" if shown else "undecided"
    mean = partial(_interval, question, whole, len(sample.rows), clusters=scores.clusters, low=0.0)
    found = Found(
        difference=interval(scores),
        candidate=mean(scores.candidate),
        incumbent=mean(scores.incumbent),
        verdict=cast("Comparison", verdict),
        gate="passed" if passed else gate,
        basis=_basis(sample),
    )
    asked = Asked(task=question.task, margin=question.threshold, sample=sample)
    population = whole.items if question.mode == "finite" else None
    return replace(filled(asked, found), population=population)


# Below: private.


def _basis(sample: Sample) -> Basis:
    return "judge" if sample.judged else "scorer"


def _difference(question: Question, whole: Frame, rows: int, scores: Scores) -> Interval:
    differences = np.subtract(scores.candidate, scores.incumbent)
    return _interval(question, whole, rows, differences, clusters=scores.clusters, low=-1.0)


def _interval(
    question: Question,
    whole: Frame,
    rows: int,
    values: Values,
    *,
    clusters: Sequence[str],
    low: float,
) -> Interval:
    """The interval of the mean of *values* between *low* and 1, of so many *rows* seen.

    Items without a score are not of the population that the scored ones are drawn from.
    """
    margin = question.threshold
    nulls = (-margin, 0.0, margin) if low < 0 else ()
    if question.mode == "finite":
        items = max(1, whole.items - (rows - len(values)))
        drawn = finite.Plan(items=items, alpha=question.alpha, low=low, nulls=nulls)
        return finite.read(finite.update(finite.init(drawn), values)).interval
    plan = betting.Plan(
        alpha=question.alpha,
        low=low,
        planned=max(1, whole.clusters // _SHARP),
        nulls=nulls,
        largest_cluster=whole.largest,
    )
    state = betting.init(plan)
    if len(values):
        sums, sizes = bounded.per_cluster(values, clusters)
        state = betting.update(state, sums, sizes=sizes)
    return betting.read(state).interval
