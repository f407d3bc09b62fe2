"""Looks at the `confirm` items: what a question's evidence says, and whether sampling may stop.

Every question is group-sequential (Lan and DeMets 1983; the spending is the policy's): it may be
read after fixed shares of the items, and each look spends part of the question's alpha. Figures
carry repeated confidence intervals, so that all looks together keep the promise.

The promise is "at most alpha", and looks at a nominal alpha err about that often: the normal and t
are approximations. So looks spend `SPENT` of it (dev/LOG.md, 2026-11-21).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from escalera.core.evaluation import correction
from escalera.core.evaluation.correction import NO_LABELS, Labels
from escalera.core.evaluation.sample import Row, Sample, Scores
from escalera.core.evidence import Evidence
from escalera.core.stats import mean, noninferiority, paired, sequential
from escalera.core.stats.clustering import Interval, ScoreRule
from escalera.domain.dataset import Example
from escalera.domain.event import Looked
from escalera.domain.project import Policy
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.domain.verdict import Adequacy, Comparison, Figure, Question

SPENT = 0.9
"""The share of a question's alpha that its looks spend together."""


def spendable(alpha: float, rule: ScoreRule = "skewness allowed") -> float:
    """Return what looks may spend of *alpha*: all of it in questions of earlier rules."""
    return SPENT * alpha if rule == "skewness allowed" else alpha


def look(question: Question, sample: Sample, before: Sequence[Looked], policy: Policy) -> Looked:
    """Read *question* for the next time, on *sample*: all that the look may use.

    The looks of *policy* are the information times of all looks, in (0, 1]; *before* are those that
    were taken. A function of the journal, so replaying one gives the same verdicts.
    """
    times = policy.looks
    time = times[len(before)]
    sample = as_begun(sample, before)
    alpha = spendable(question.alpha, sample.pairing)
    plan = sequential.Plan(alpha=alpha, spending=policy.spending)
    state = sequential.init(plan)
    for earlier in times[: len(before)]:
        # An earlier look settled nothing, whatever its statistic: its verdict may have been
        # withheld for want of scores. Boundaries depend on the times alone.
        state = sequential.update(state, information_time=earlier, statistic_z=0.0)
    scores = sample.scored
    statistic = _statistic(question, scores)
    state = sequential.update(state, information_time=time, statistic_z=statistic)
    reading = sequential.read(state)
    interval = partial(_interval, question, alpha=reading.nominal_alpha)
    verdict, passed, shown = withstanding(question, sample, interval)
    return Looked(
        question=question,
        look=len(before) + 1,
        looks=len(times),
        figure=scores.figure(interval(scores)),
        statistic=statistic,
        boundary=reading.boundaries[-1],
        alpha_spent=reading.alpha_spent,
        verdict=verdict,
        passed=passed,
        settled=shown or time >= 1.0,
        unscored=sample.unscored,
        basis=correction.basis(sample),
        judge=_by_judge(question, sample, reading.nominal_alpha),
        labels=correction.labelled(scores),
        pairing=sample.pairing,
    )


def as_begun(sample: Sample, before: Sequence[Looked]) -> Sample:
    """The sample, to be read by the rule of the question's first look.

    So what was asked under an earlier rule goes on, and is shown again, by the same one.
    """
    return replace(sample, pairing=before[0].pairing) if before else sample


def cutoffs(task: Task, policy: Policy) -> tuple[int, ...]:
    """How many `confirm` items each look uses."""
    total = len(task.items("confirm"))
    return tuple(math.ceil(time * total - 1e-9) for time in policy.looks)


def gather(
    evidence: Evidence,
    items: Sequence[Example],
    candidate: Route,
    incumbent: Route | None,
    labels: Labels = NO_LABELS,
) -> Sample:
    """What *candidate* (and *incumbent*) scored on all *items*, whether asked or not.

    `labels` are the task's, where a judge scores it.
    """
    row = partial(_row, evidence, candidate, incumbent, labels)
    return Sample(
        rows=tuple(map(row, items)),
        paired=incumbent is not None,
        judged=labels.judged,
        golden=tuple(row for row in map(row, labels.golden) if row.human is not None),
    )


def common(
    evidence: Evidence,
    items: Sequence[Example],
    candidate: Route,
    incumbent: Route,
    labels: Labels = NO_LABELS,
) -> Sample:
    """The items that both routes were asked, scored or not, in an order of their own."""
    asked = [
        item
        for item in sorted(items, key=lambda item: item.id)
        if evidence.answer(candidate, item) is not None
        and evidence.answer(incumbent, item) is not None
    ]
    return gather(evidence, asked, candidate, incumbent, labels)


def withstanding(
    question: Question, sample: Sample, interval: Callable[[Scores], Interval]
) -> tuple[str, bool, bool]:
    """The word, whether the gate is passed, and whether the question is answered.

    On the scored items, read by *interval*, if no value of the missing ones changes what it does.
    Where only its word would change, the word that claims less is given.
    """
    if not sample.scored.candidate:
        return "undecided", False, False
    found = _verdict(question, interval(sample.scored))
    if sample.whole:
        return found
    worst, best = (_verdict(question, interval(end)) for end in (sample.worst(), sample.best()))
    if worst[1:] != found[1:] or best[1:] != found[1:]:
        return "undecided", False, False
    return worst if found[1] else best


# Below: private.


def _row(
    evidence: Evidence, candidate: Route, incumbent: Route | None, labels: Labels, item: Example
) -> Row:
    human, chance = _human(evidence, candidate, incumbent, labels, item)
    return Row(
        candidate=_scored(candidate, item, evidence),
        incumbent=None if incumbent is None else _scored(incumbent, item, evidence),
        cluster=item.cluster,
        human=human,
        chance=chance,
    )


def _human(
    evidence: Evidence, candidate: Route, incumbent: Route | None, labels: Labels, item: Example
) -> tuple[float | None, float]:
    """What people gave, and the chance that they were asked; a difference needs both answers."""
    mine = labels.label(evidence, evidence.answering(candidate, item), item)
    if mine is None or incumbent is None:
        return (None, 1.0) if mine is None else (mine.score, mine.probability)
    theirs = labels.label(evidence, evidence.answering(incumbent, item), item)
    if theirs is None:
        return None, 1.0
    return mine.score - theirs.score, min(mine.probability, theirs.probability)


def _scored(route: Route, item: Example, evidence: Evidence) -> float | None:
    found = evidence.answer(route, item)
    return found.score if found is not None else None


def _statistic(question: Question, scores: Scores) -> float:
    if not scores.candidate:
        return 0.0
    if correction.suffices(scores):
        return correction.z_statistic(scores, null=_null(question))
    if question.kind == "adequacy":
        return mean.z_statistic(
            scores.candidate, scores.clusters, bar=question.threshold, rule=scores.pairing
        )
    return paired.z_statistic(
        scores.candidate,
        scores.incumbent,
        scores.clusters,
        null=_null(question),
        rule=scores.pairing,
    )


def _null(question: Question) -> float:
    """Where the threshold stands on the scale of the figure: a margin is a fall."""
    return -question.threshold if question.kind == "regression" else question.threshold


def _interval(question: Question, scores: Scores, *, alpha: float) -> Interval:
    if not scores.candidate:
        low = 0.0 if question.kind == "adequacy" else -1.0
        return Interval(estimate=low, lower=low, upper=1.0, alpha=alpha, method="no scores")
    # An interval needs an error above 0 even where a first look spends next to nothing.
    usable = max(alpha, 1e-12)
    if correction.suffices(scores):
        return correction.interval(scores, alpha=usable)
    return _uncorrected(question, scores, usable)


def _by_judge(question: Question, sample: Sample, alpha: float) -> Figure | None:
    """What the judge alone would say, where people correct it."""
    scores = sample.scored
    if not sample.judged or not correction.suffices(scores):
        return None
    return scores.figure(_uncorrected(question, scores, max(alpha, 1e-12)))


def _uncorrected(question: Question, scores: Scores, usable: float) -> Interval:
    if question.kind == "adequacy":
        return mean.interval(scores.candidate, scores.clusters, alpha=usable, rule=scores.pairing)
    return paired.interval(
        scores.candidate, scores.incumbent, scores.clusters, alpha=usable, rule=scores.pairing
    )


def _verdict(question: Question, interval: Interval) -> tuple[str, bool, bool]:
    """The word, whether the gate is passed, and whether the question is answered."""
    if question.kind == "adequacy":
        word = adequacy(interval, question.threshold)
        return word, word == "adequate", word != "undecided"
    if question.kind == "improvement":
        found = improvement(interval, question.threshold)
        return found, found == "better", found != "undecided"
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


def improvement(interval: Interval, least: float) -> Comparison:
    """Better when the whole interval is above *least*; worse when it is not above it anywhere."""
    if interval.lower > least:
        return "better"
    return "worse" if interval.upper <= least else "undecided"
