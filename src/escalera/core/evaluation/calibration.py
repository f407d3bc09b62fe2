"""How far a judge can be trusted: its grades beside those that people gave to the same answers.

Agreement beyond chance is kappa (Cohen 1960), weighted by squared distance where the grades have an
order (Cohen 1968), between the judge and the mean of the people. Krippendorff's alpha takes every
person by himself, so that it can be held against the people's alpha among themselves: no judge
agrees with people more than they do with each other. Kendall's tau says whether answers are ordered
alike, and the bias how much higher or lower the judge grades. A judge that compares answers has a
position bias and a flip rate, too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from escalera.core.evaluation.correction import ENOUGH
from escalera.core.evaluation.judge import Given, Grade
from escalera.core.stats import agreement, concordance, distributions, judging, mean, paired
from escalera.core.stats.clustering import Interval
from escalera.core.stats.judging import Judged
from escalera.domain.judge import JudgeKind, Panel

Trust = Literal["trusted", "undecided", "not trusted"]

HALF_WIDTH = 0.05
"""To how much a mean score is to be known when labels are counted."""

ALL = ""
"""Stands for all query types together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One answer: what people gave it, each in [0, 1], what the judges gave it, and their score."""

    task: str
    cluster: str
    people: tuple[float, ...]
    given: tuple[Given, ...]
    score: Grade

    @property
    def human(self) -> float:
        """The mean over the people."""
        return math.fsum(self.people) / len(self.people)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A judge beside people on the answers of one query type (`task`, empty for all).

    `same` is the share of answers that get the same grade, `kappa` what is left of it beyond
    chance. `alpha` has every person and the judge as raters, `people` the persons alone, `steady`
    the judge's own grades of one answer where it gave several. `bias` is judge minus people.
    `label_worth` is how many labels without the judge one label beside it replaces, where far more
    answers have a judge's grade than a label: 1 / (1 - r^2). `labels_needed` bring the corrected
    mean of a system to +-`HALF_WIDTH`, by the spread of these labels around the judge. What cannot
    be computed is None.
    """

    task: str
    answers: int
    unscored: int
    reasons: tuple[tuple[str, int], ...]
    same: Interval | None
    kappa: Interval | None
    alpha: Interval | None
    people: Interval | None
    tau: Interval | None
    bias: Interval | None
    steady: Interval | None
    position: Judged | None
    label_worth: float | None
    labels_needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A panel beside people: over all query types, and in each."""

    panel: str
    min_agreement: float
    overall: Agreement
    tasks: tuple[Agreement, ...]

    @property
    def trust(self) -> Trust:
        """Whether the agreement is shown to be at least what the project asks for, or less."""
        kappa = self.overall.kappa
        if kappa is None:
            return "undecided"
        if kappa.lower >= self.min_agreement:
            return "trusted"
        return "not trusted" if kappa.upper < self.min_agreement else "undecided"


def calibrate(panel: Panel, answers: Sequence[Graded], *, alpha: float = 0.05) -> Calibration:
    """Hold the grades of *panel* against those of people.

    ValueError without an answer.
    """
    if not answers:
        raise ValueError("no answer has a label: without labels nothing is known of a judge")
    tasks = dict.fromkeys(answer.task for answer in answers)
    return Calibration(
        panel=panel.name,
        min_agreement=panel.min_agreement,
        overall=_agreement(ALL, panel, answers, alpha),
        tasks=tuple(
            _agreement(task, panel, [a for a in answers if a.task == task], alpha) for task in tasks
        ),
    )


def words(kappa: float) -> str:
    """The usual word for a kappa (Landis and Koch 1977); a convention, not a bar."""
    named = ((0.8, "almost perfect"), (0.6, "substantial"), (0.4, "moderate"), (0.2, "fair"))
    return next((word for least, word in named if kappa > least), "slight" if kappa > 0 else "no")


def labels_needed(judge: Sequence[float], human: Sequence[float], alpha: float) -> int | None:
    """Labels for +-HALF_WIDTH, z^2 var(y) (1 - r^2) / HALF_WIDTH^2; at least enough to correct.

    `judge` and `human` are grades of the same answers in [0, 1]; None where they are too few or all
    alike.
    """
    worth = _worth(judge, human)
    if worth is None:
        return None
    z = distributions.normal_quantile(1.0 - 0.5 * alpha)
    needed = math.ceil(z * z * float(np.var(human, ddof=1)) / worth / HALF_WIDTH**2)
    return max(needed, ENOUGH)


# Below: private.


def _agreement(task: str, panel: Panel, answers: Sequence[Graded], alpha: float) -> Agreement:
    scored = [answer for answer in answers if answer.score.value is not None]
    reasons = Counter(a.score.reason or "" for a in answers if a.score.value is None)
    judge = [answer.score.value or 0.0 for answer in scored]
    human = [answer.human for answer in scored]
    clusters = [answer.cluster for answer in scored]
    levels = _levels(panel)
    grades = [_level(value, levels) for value in judge]
    wanted = [_level(value, levels) for value in human]
    metric: agreement.Metric = "nominal" if levels == 2 else "ordinal"
    weights: agreement.Weights = "nominal" if levels == 2 else "quadratic"

    def alpha_of(rows: Sequence[Sequence[Hashable]]) -> Callable[[], Interval]:
        return lambda: agreement.krippendorff_alpha(rows, clusters, metric=metric, alpha=alpha)

    people = [[_level(x, levels) for x in answer.people] for answer in scored]
    own = [_own(answer, _finest(panel)) for answer in scored]
    same = [float(a == b) for a, b in zip(grades, wanted, strict=True)]
    return Agreement(
        task=task,
        answers=len(answers),
        unscored=len(answers) - len(scored),
        reasons=tuple(sorted(reasons.items())),
        same=_known(lambda: mean.interval(same, clusters, alpha=alpha)),
        # People who grade all alike make it 0, whoever judges: that says nothing of the judge.
        kappa=None
        if len(set(wanted)) < 2
        else _known(
            lambda: agreement.cohen_kappa(
                grades, wanted, clusters, categories=range(levels), weights=weights, alpha=alpha
            )
        ),
        alpha=_known(alpha_of(_table([[g, *p] for g, p in zip(grades, people, strict=True)]))),
        people=_known(alpha_of(_table(people))),
        tau=_known(lambda: concordance.kendall_tau(judge, human, clusters, alpha=alpha)),
        bias=_known(lambda: paired.interval(judge, human, clusters, alpha=alpha)),
        steady=_known(alpha_of(_table(own))),
        position=_position(scored, alpha),
        label_worth=_worth(judge, human),
        labels_needed=labels_needed(judge, human, alpha),
    )


def _levels(panel: Panel) -> int:
    """How many grades there are: those of the finest scale; or loss, tie and win, as in a vote."""
    return 3 if panel.combine == "vote" else _finest(panel)


def _finest(panel: Panel) -> int:
    return max(_levels_of(j.kind, j.scale.highest - j.scale.lowest + 1) for j in panel.judges)


def _levels_of(kind: JudgeKind, steps: int) -> int:
    return 3 if kind == "pairwise" else steps


def _level(value: float, levels: int) -> int:
    """The nearest grade; of three, the middle one is for what is exactly between the others.

    A mean over both orders is a win or a loss unless the orders contradict each other outright.
    """
    if levels == 3 and value not in (0.0, 0.5, 1.0):
        return 2 if value > 0.5 else 0
    return math.floor(value * (levels - 1) + 0.5)


def _own(answer: Graded, levels: int) -> list[int]:
    """What the judges gave one answer in the same place, grade by grade."""
    place = answer.given[0].order if answer.given else "alone"
    values = [g.grade.value for g in answer.given if g.order == place]
    return [_level(value, levels) for value in values if value is not None]


def _table(rows: Sequence[Sequence[int]]) -> list[list[int | None]]:
    """Rows of one length, None where a rating is missing."""
    width = max((len(row) for row in rows), default=0)
    return [[*row, *[None] * (width - len(row))] for row in rows]


def _position(scored: Sequence[Graded], alpha: float) -> Judged | None:
    """Position bias and flips, over the answers that were graded in both places."""
    first, second, clusters = [], [], []
    for answer in scored:
        before, behind = (_mean_in(answer, order) for order in ("first", "second"))
        if before is not None and behind is not None:
            first.append(before)
            second.append(behind)
            clusters.append(answer.cluster)
    return judging.read(first, second, clusters, alpha=alpha) if first else None


def _mean_in(answer: Graded, order: str) -> float | None:
    values = [g.grade.value for g in answer.given if g.order == order]
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _worth(judge: Sequence[float], human: Sequence[float]) -> float | None:
    if len(judge) < 3 or len(set(judge)) == 1 or len(set(human)) == 1:
        return None
    r = float(np.corrcoef(judge, human)[0, 1])
    return 1.0 / max(1.0 - r * r, 1e-12) if r * r < 1.0 - 1e-9 else None


def _known(compute: Callable[[], Interval]) -> Interval | None:
    """The interval, or None where there is nothing to compute it from."""
    try:
        return compute()
    except ValueError:
        return None
