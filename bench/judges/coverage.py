"""Does the corrected mean cover the human truth, however few labels there are?

The truth is the mean human score of all pairs of a judge. Three ways to come by labels:

resampled labels   the pairs stay as they are, and a random sample of them gets labels;
resampled pairs    the pairs are drawn with replacement too, as from a population of such pairs;
known chances      as the second, and pairs on which the judge contradicts itself, or calls a tie,
                   are four times as likely to get a label: the chances are known. So many are
                   drawn that they count for as many of equal chances.

Differences are the same scores as win minus loss, in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.judges.data import Pair
from numpy.typing import NDArray

from escalera.core.stats import mean, paired, ppi

Floats = NDArray[np.float64]

LABELS = (30, 50, 100)
WAYS = ("resampled labels", "resampled pairs", "known chances")
ESTIMATES = ("mean", "difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """People and judge on all pairs whose verdicts can be read, in [0, 1]."""

    name: str
    human: Floats
    judge: Floats

    @property
    def correlation(self) -> float:
        """Of people and judge."""
        return float(np.corrcoef(self.human, self.judge)[0, 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Shares of runs whose interval holds the truth, and the width to that of labels alone."""

    case: str
    way: str
    estimate: str
    labels: int
    runs: int
    covered: float
    alone: float
    judge_alone: float
    width: float


def case(name: str, pairs: Sequence[Pair]) -> Case:
    """The pairs that were judged readably in every order; of both orders the mean counts."""
    read = [p for p in pairs if None not in p.verdicts]
    return Case(
        name=name,
        human=np.array([p.human for p in read]),
        judge=np.array([np.mean([v for v in p.verdicts if v is not None]) for p in read]),
    )


def run(cases: Sequence[Case], *, runs: int, seed: int) -> list[Row]:
    """A row per case, way, estimate and number of labels."""
    found = []
    for number, one in enumerate(cases):
        for labels in LABELS:
            for w, way in enumerate(WAYS):
                for e, estimate in enumerate(ESTIMATES):
                    rng = np.random.default_rng([seed, number, labels, w, e])
                    found.append(_row(one, labels, way, estimate, runs, rng))
    return found


# Private.


def _row(
    one: Case, labels: int, way: str, estimate: str, runs: int, rng: np.random.Generator
) -> Row:
    truth = _scaled(one.human, estimate).mean()
    inside = alone = judge_alone = 0
    widths = []
    for _ in range(runs):
        human, judge, labelled, chances = _drawn(one, labels, way, rng)
        y, f = _scaled(human, estimate), _scaled(judge, estimate)
        given = [float(v) if k else None for v, k in zip(y, labelled, strict=True)]
        correct = ppi.mean if estimate == "mean" else ppi.difference
        found = correct(f, given, probabilities=chances).interval
        plain = _plain(y[labelled], estimate)
        judged = _plain(f, estimate)
        inside += found.lower <= truth <= found.upper
        alone += plain.lower <= truth <= plain.upper
        judge_alone += judged.lower <= truth <= judged.upper
        widths.append((found.upper - found.lower) / (plain.upper - plain.lower))
    return Row(
        case=one.name,
        way=way,
        estimate=estimate,
        labels=labels,
        runs=runs,
        covered=inside / runs,
        alone=alone / runs,
        judge_alone=judge_alone / runs,
        width=float(np.median(widths)),
    )


def _drawn(
    one: Case, labels: int, way: str, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.bool_], Floats | None]:
    count = len(one.human)
    kept = np.arange(count) if way == "resampled labels" else rng.integers(count, size=count)
    human, judge = one.human[kept], one.judge[kept]
    labelled = np.zeros(count, dtype=bool)
    if way != "known chances":
        labelled[rng.choice(count, labels, replace=False)] = True
        return human, judge, labelled, None
    doubtful = np.where((judge > 0.0) & (judge < 1.0), 4.0, 1.0)
    # Of n labels with unequal weights w only n / kish count (Kish 1965): as many more are drawn.
    kish = float(doubtful.mean() * (1.0 / doubtful).mean())
    chances = np.minimum(1.0, labels * kish * doubtful / doubtful.sum())
    while not labelled.any():
        labelled = rng.random(count) < chances
    return human, judge, labelled, chances


def _scaled(values: Floats, estimate: str) -> Floats:
    return values if estimate == "mean" else 2.0 * values - 1.0


def _plain(values: Floats, estimate: str):
    if estimate == "mean":
        return mean.interval(values)
    return paired.interval(np.maximum(values, 0.0), np.maximum(-values, 0.0))
