"""Looks at the `confirm` items: what a question's evidence says, and whether sampling may stop.

Every question is group-sequential (Lan and DeMets 1983, O'Brien-Fleming-type spending): it may be
read after fixed shares of the items, and each look spends part of the question's alpha. Figures
carry repeated confidence intervals, so that all looks together keep the promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.evidence import Evidence
from escalera.core.stats import (
    distributions,
    mean,
    multiplicity,
    noninferiority,
    paired,
    sequential,
)
from escalera.core.stats.clustering import Interval
from escalera.domain.dataset import Example
from escalera.domain.event import Looked, Observed
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.verdict import Adequacy, Comparison, Figure, Question

TOLERATED_UNSCORED = 0.05
"""Above this share of items without a score no verdict is given: the missing could decide it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Scores of the items that count, with their clusters; `unscored` counts the others."""

    candidate: tuple[float, ...]
    incumbent: tuple[float, ...]
    clusters: tuple[str, ...]
    unscored: int

    @property
    def reliable(self) -> bool:
        """Whether few enough items are unscored for a verdict."""
        total = len(self.candidate) + self.unscored
        return bool(self.candidate) and self.unscored <= TOLERATED_UNSCORED * total


def look(
    question: Question, items: Sequence[Example], evidence: Evidence, *, times: Sequence[float]
) -> Looked:
    """Read *question* for the next time, on *items*: all that the look may use.

    `times` are the information times of all looks, in (0, 1]. Earlier looks are taken from the
    evidence, so replaying a journal gives the same verdicts. Every item must have been answered
    by the candidate (and the incumbent).
    """
    sample = gather(question, items, evidence)
    before = evidence.looked.get(question.digest, [])
    time = times[len(before)]
    state = sequential.init(sequential.Plan(alpha=question.alpha))
    for earlier in times[: len(before)]:
        # An earlier look settled nothing, whatever its statistic: its verdict may have been
        # withheld for want of scores. Boundaries depend on the times alone.
        state = sequential.update(state, information_time=earlier, statistic_z=0.0)
    statistic = _statistic(question, sample)
    state = sequential.update(state, information_time=time, statistic_z=statistic)
    reading = sequential.read(state)
    interval = _interval(question, sample, reading.nominal_alpha)
    verdict, passed, shown = _verdict(question, interval)
    if not sample.reliable:
        verdict, passed, shown = "undecided", False, False
    return Looked(
        question=question,
        look=len(before) + 1,
        looks=len(times),
        figure=_figure(interval, sample),
        statistic=statistic,
        boundary=reading.boundaries[-1],
        alpha_spent=reading.alpha_spent,
        verdict=verdict,
        passed=passed,
        settled=shown or time >= 1.0,
        unscored=sample.unscored,
    )


def gather(question: Question, items: Sequence[Example], evidence: Evidence) -> Sample:
    """The scores that *question* needs, on the items that every system involved has scored."""
    candidate = evidence.route(question.candidate)
    incumbent = evidence.route(question.incumbent) if question.incumbent is not None else None
    left: list[float] = []
    right: list[float] = []
    clusters: list[str] = []
    for item in items:
        scores = [_scored(candidate, item, evidence)]
        if incumbent is not None:
            scores.append(_scored(incumbent, item, evidence))
        known = [score for score in scores if score is not None]
        if len(known) < len(scores):
            continue
        left.append(known[0])
        right.append(known[-1])
        clusters.append(item.cluster)
    return Sample(
        candidate=tuple(left),
        incumbent=tuple(right) if incumbent is not None else (),
        clusters=tuple(clusters),
        unscored=len(items) - len(left),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Two routes on one task's common items, with Holm's correction over the tasks compared."""

    task: str
    candidate: Figure
    incumbent: Figure
    difference: Figure
    verdict: Comparison
    non_inferior: bool
    p_value: float
    p_holm: float
    right_to_wrong: float
    wrong_to_right: float


def contrast(
    project: Project, evidence: Evidence, candidate: Route, incumbent: Route
) -> tuple[Contrast, ...]:
    """Compare two routes task by task on the `confirm` items that both have answered.

    A table for reading, at fixed n: intervals at the project's alpha divided by the number of
    tasks (Bonferroni, so that all hold together), p values exact (McNemar) for right/wrong scores
    without clusters and cluster-robust otherwise, Holm-adjusted over the tasks.
    """
    found = [_pairs(project, evidence, candidate, incumbent, task.name) for task in project.tasks]
    held = [(task, sample) for task, sample in zip(project.tasks, found, strict=True) if sample]
    if not held:
        return ()
    alpha = project.policy.alpha / len(held)
    p_values = [_p_value(sample) for _, sample in held]
    adjusted = multiplicity.holm(p_values, alpha=project.policy.alpha).p_values
    return tuple(
        _contrast(task.name, task.margin, sample, alpha, p, holm)
        for (task, sample), p, holm in zip(held, p_values, adjusted, strict=True)
    )


# Below: private.


def _scored(route: Route, item: Example, evidence: Evidence) -> float | None:
    found: Observed | None = evidence.answer(route, item)
    return found.score if found is not None else None


def _statistic(question: Question, sample: Sample) -> float:
    if not sample.candidate:
        return 0.0
    if question.kind == "adequacy":
        return mean.z_statistic(sample.candidate, sample.clusters, bar=question.threshold)
    return paired.z_statistic(
        sample.candidate, sample.incumbent, sample.clusters, null=-question.threshold
    )


def _interval(question: Question, sample: Sample, alpha: float) -> Interval:
    if not sample.candidate:
        low = 0.0 if question.kind == "adequacy" else -1.0
        return Interval(estimate=low, lower=low, upper=1.0, alpha=alpha, method="no scores")
    # An interval needs an error above 0 even where a first look spends next to nothing.
    usable = max(alpha, 1e-12)
    if question.kind == "adequacy":
        return mean.interval(sample.candidate, sample.clusters, alpha=usable)
    return paired.interval(sample.candidate, sample.incumbent, sample.clusters, alpha=usable)


def _verdict(question: Question, interval: Interval) -> tuple[str, bool, bool]:
    """The word, whether the gate is passed, and whether the question is answered."""
    if question.kind == "adequacy":
        word = adequacy(interval, question.threshold)
        return word, word == "adequate", word != "undecided"
    judged = noninferiority.judge(
        estimate=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        margin=question.threshold,
    )
    return judged.outcome, judged.non_inferior, judged.non_inferior or judged.regressed


def adequacy(interval: Interval, bar: float) -> Adequacy:
    """Adequate when the whole interval is at or above the bar, inadequate when it is below."""
    if interval.lower >= bar:
        return "adequate"
    return "inadequate" if interval.upper < bar else "undecided"


def _figure(interval: Interval, sample: Sample) -> Figure:
    return Figure(
        value=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        n=len(sample.candidate),
        clusters=len(set(sample.clusters)),
    )


def _pairs(
    project: Project, evidence: Evidence, candidate: Route, incumbent: Route, task: str
) -> Sample | None:
    rows = []
    for item in project.task(task).examples:
        if item.split != "confirm":
            continue
        left, right = _scored(candidate, item, evidence), _scored(incumbent, item, evidence)
        if left is not None and right is not None:
            rows.append((item.id, left, right, item.cluster))
    if not rows:
        return None
    _, left_scores, right_scores, clusters = zip(*sorted(rows), strict=True)
    return Sample(candidate=left_scores, incumbent=right_scores, clusters=clusters, unscored=0)


def _p_value(sample: Sample) -> float:
    unclustered = len(set(sample.clusters)) == len(sample.clusters)
    if unclustered and mean.is_binary(sample.candidate) and mean.is_binary(sample.incumbent):
        return paired.mcnemar(sample.candidate, sample.incumbent).p_value
    z = paired.z_statistic(sample.candidate, sample.incumbent, sample.clusters)
    return 2 * distributions.normal_cdf(-abs(z))


def _contrast(
    task: str, margin: float, sample: Sample, alpha: float, p_value: float, p_holm: float
) -> Contrast:
    difference = paired.interval(sample.candidate, sample.incumbent, sample.clusters, alpha=alpha)
    judged = noninferiority.judge(
        estimate=difference.estimate,
        lower=difference.lower,
        upper=difference.upper,
        margin=margin,
    )
    pairs = list(zip(sample.candidate, sample.incumbent, strict=True))
    return Contrast(
        task=task,
        candidate=_figure(mean.interval(sample.candidate, sample.clusters, alpha=alpha), sample),
        incumbent=_figure(mean.interval(sample.incumbent, sample.clusters, alpha=alpha), sample),
        difference=_figure(difference, sample),
        verdict=judged.outcome,
        non_inferior=judged.non_inferior,
        p_value=p_value,
        p_holm=p_holm,
        right_to_wrong=sum(new < old for new, old in pairs) / len(pairs),
        wrong_to_right=sum(new > old for new, old in pairs) / len(pairs),
    )
