"""Figures of a judged task, corrected by what people gave a few of its answers.

PPI++ (`stats.ppi`): the judge's grades of all answers sharpen the mean of the labels, and cannot
move it. A label counts for the answer that was labelled and for no other system's answer, for a
judge may be kinder to one than to another. Below `ENOUGH` labelled items the figure rests on the
judge alone, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from escalera.core.evaluation.sample import Sample, Scores
from escalera.core.evidence import Evidence
from escalera.core.stats import distributions, ppi
from escalera.core.stats.clustering import Interval
from escalera.domain.dataset import Example
from escalera.domain.judge import PREFIX, Basis, Label, answer_digest
from escalera.domain.system import System
from escalera.domain.task import Task

ENOUGH = 30
"""Labelled items from which on a corrected interval keeps what it says (`bench/judges`)."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a task, by item and answer.

    `judged` is False where a rule scores. `golden` are the labelled items that are kept for judges:
    they are no part of a verdict's items, and count for the correction alone.
    """

    judged: bool = False
    golden: tuple[Example, ...] = ()
    _found: Mapping[tuple[str, str], Label] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task) -> Labels:
        """Those of *task*."""
        found = {(label.item, answer_digest(label.reply)): label for label in task.labels}
        ids = {item for item, _ in found}
        golden = tuple(item for item in task.items("golden") if item.id in ids)
        return cls(task.scorer.startswith(PREFIX), golden, found)

    def label(self, evidence: Evidence, system: System, item: Example) -> Label | None:
        """What people gave the answer of *system* to *item*, or None where they gave it nothing."""
        if not self._found:
            return None
        answer = evidence.judged.answer(system.digest, item.digest)
        return None if answer is None else self._found.get((item.id, answer))


NO_LABELS = Labels()


def basis(sample: Sample) -> Basis:
    """What the figure of a sample rests on."""
    if not sample.judged:
        return "scorer"
    return "corrected" if suffices(sample.scored) else "judge"


def labelled(scores: Scores) -> int:
    """How many items have a label, counted by cluster.

    Where the chances of a label differ, n of them count for n / kish (Kish 1965), rounded down.
    """
    _, human, clusters, chances = _columns(scores)
    given = [n for n, y in enumerate(human) if y is not None]
    if not given:
        return 0
    weights = [1.0 / chances[n] for n in given]
    kish = len(given) * math.fsum(w * w for w in weights) / math.fsum(weights) ** 2
    return math.floor(len({clusters[n] for n in given}) / max(kish, 1.0) + 1e-9)


def suffices(scores: Scores) -> bool:
    """Whether there are labels enough to correct the figure."""
    return labelled(scores) >= ENOUGH


def interval(scores: Scores, *, alpha: float) -> Interval:
    """The mean human score, or the mean human difference where an incumbent is compared.

    ValueError without a label.
    """
    return corrected(scores, alpha=alpha).interval


def corrected(scores: Scores, *, alpha: float) -> ppi.Corrected:
    """As `interval`, with what the judge alone says and how much it adds to the labels."""
    judge, human, clusters, chances = _columns(scores)
    given = {chance for chance, y in zip(chances, human, strict=True) if y is not None}
    correct = ppi.difference if scores.incumbent else ppi.mean
    return correct(
        judge,
        human,
        clusters,
        probabilities=chances if len(given) > 1 else None,
        alpha=alpha,
        rule=scores.pairing,
    )


def z_statistic(scores: Scores, *, null: float) -> float:
    """How far the corrected figure lies from *null*, as a standard normal deviate.

    That of the error at which the interval begins to hold *null*, found by halving: intervals of
    `ppi` are of several kinds, and this is their common scale.
    """
    low, high = _SMALLEST, _LARGEST
    for _ in range(_HALVINGS):
        z = 0.5 * (low + high)
        found = interval(scores, alpha=2.0 * distributions.normal_cdf(-z))
        if found.lower <= null <= found.upper:
            high = z
        else:
            low = z
    return low if found.estimate >= null else -low


# Below: private.

_SMALLEST, _LARGEST, _HALVINGS = 0.0, 8.0, 16


def _columns(
    scores: Scores,
) -> tuple[list[float], list[float | None], list[str], list[float]]:
    """Judge, people, clusters and chances of a verdict's items, and of the golden ones."""
    judge = [*scores.candidate]
    if scores.incumbent:
        judge = [new - old for new, old in zip(judge, scores.incumbent, strict=True)]
    human: list[float | None] = [*scores.human] or [None] * len(judge)
    chances = [*scores.chances] or [1.0] * len(judge)
    clusters = [*scores.clusters]
    for row in scores.golden:
        if row.candidate is not None and (row.incumbent is not None or not scores.incumbent):
            old = row.incumbent if scores.incumbent else None
            judge.append(row.candidate - (old or 0.0))
            human.append(row.human)
            clusters.append(row.cluster)
            chances.append(row.chance)
    return judge, human, clusters, chances
