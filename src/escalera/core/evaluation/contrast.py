"""Two systems on common items, task by task, at a fixed number of items: a table, and a gate.

Intervals are at alpha divided by the number of tasks (Bonferroni, so that all hold together), p
values exact (McNemar) for right/wrong scores without clusters and cluster-robust otherwise,
Holm-adjusted over the tasks. Read once, the gate errs with probability alpha at most; whoever reads
it again and again while items arrive wants the looks of `compare`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from escalera.core.evaluation import correction
from escalera.core.evaluation.sample import Sample, Scores
from escalera.core.stats import (
    distributions,
    mean,
    multiplicity,
    noninferiority,
    paired,
    proportion,
)
from escalera.core.stats.clustering import Interval
from escalera.domain.judge import Basis
from escalera.domain.verdict import Comparison, Figure, Gate, GateWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Two systems on one task's common items, with Holm's correction over the tasks compared.

    `gate` says whether the candidate is shown not to fall by the margin or more; it is undecided,
    too, where missing scores could change it. `worst` and `best` are the difference over all items
    if every missing score spoke against the candidate, and for it; `partly` counts items of which
    only some repeats have a score. Where looks were taken there is
    no p value: the interval is that of the last look, and holds at all of them together. Where a
    judge scores, `basis` says whether people's `labels` correct the difference, and `judge` is then
    what the judge alone would say; both means are the judge's. `population` is the number of items
    of the whole data set where the row is about it alone. `lost` and `gained` are the shares of
    items that scored lower and higher than before (from right to wrong and back), with intervals.
    """

    task: str
    margin: float
    candidate: Figure
    incumbent: Figure
    difference: Figure
    verdict: Comparison
    gate: Gate
    unscored: int
    worst: float
    best: float
    p_value: float | None
    p_holm: float | None
    lost: Figure
    gained: Figure
    basis: Basis = "scorer"
    judge: Figure | None = None
    labels: int = 0
    population: int | None = None
    partly: int = 0

    @property
    def word(self) -> GateWord:
        """What the gate says of the task in one word.

        "equivalent" where the difference is shown to be within the margin both ways, "improved"
        where it is shown above 0, "not worse" where only a fall by the margin is excluded.
        """
        if self.gate == "regressed":
            return "regressed"
        if self.gate == "undecided":
            return "inconclusive"
        if self.verdict == "equivalent":
            return "equivalent"
        return "improved" if self.verdict == "better" else "not worse"

    @property
    def non_inferior(self) -> bool:
        """Whether the gate is passed."""
        return self.gate == "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was read of a task: the intervals, the word, and whether the gate is passed.

    `basis` and `judge` as in `Contrast`.
    """

    difference: Interval
    candidate: Interval
    incumbent: Interval
    verdict: Comparison
    gate: Gate
    basis: Basis
    judge: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A task with its common items and the fall that is accepted."""

    task: str
    margin: float
    sample: Sample


def contrast(asked: Sequence[Asked], *, alpha: float) -> tuple[Contrast, ...]:
    """A row for every task that has common scored items; *alpha* is shared by the rows."""
    held = [entry for entry in asked if entry.sample.scored.candidate]
    if not held:
        return ()
    p_values = [_p_value(entry.sample.scored) for entry in held]
    adjusted = multiplicity.holm(p_values, alpha=alpha).p_values
    return tuple(
        row(entry, alpha / len(held), p_value=p, p_holm=holm)
        for entry, p, holm in zip(held, p_values, adjusted, strict=True)
    )


def row(
    asked: Asked, alpha: float, *, p_value: float | None = None, p_holm: float | None = None
) -> Contrast:
    """One task at its own *alpha*: that of a look, or its share of a table's."""
    scores = asked.sample.scored
    difference, basis = _difference(scores, alpha), correction.basis(asked.sample)
    found = Found(
        difference=difference,
        candidate=mean.interval(
            scores.candidate, scores.clusters, alpha=alpha, rule=scores.pairing
        ),
        incumbent=mean.interval(
            scores.incumbent, scores.clusters, alpha=alpha, rule=scores.pairing
        ),
        verdict=_judged(difference, asked.margin).outcome,
        gate=_gate(asked, alpha),
        basis=basis,
        judge=_uncorrected(scores, alpha) if basis == "corrected" else None,
    )
    return replace(filled(asked, found), p_value=p_value, p_holm=p_holm)


def filled(asked: Asked, found: Found) -> Contrast:
    """The row of a task that was read: with what its items say besides, and without p values."""
    scores = asked.sample.scored
    worst, best = asked.sample.worst(), asked.sample.best()
    pairs = list(zip(scores.candidate, scores.incumbent, strict=True))
    share = partial(_share, scores, alpha=found.difference.alpha)
    return Contrast(
        task=asked.task,
        margin=asked.margin,
        candidate=scores.figure(found.candidate),
        incumbent=scores.figure(found.incumbent),
        difference=scores.figure(found.difference),
        verdict=found.verdict,
        gate=found.gate,
        unscored=asked.sample.unscored,
        worst=paired.difference(worst.candidate, worst.incumbent, worst.clusters).value,
        best=paired.difference(best.candidate, best.incumbent, best.clusters).value,
        p_value=None,
        p_holm=None,
        lost=share([new < old for new, old in pairs]),
        gained=share([new > old for new, old in pairs]),
        basis=found.basis,
        judge=None if found.judge is None else scores.figure(found.judge),
        labels=correction.labelled(scores),
        partly=asked.sample.partly,
    )


def overall(rows: Sequence[Contrast]) -> Gate:
    """One word for all tasks: a shown fall on any, else whatever is open, else passed."""
    gates = {row.gate for row in rows}
    if "regressed" in gates:
        return "regressed"
    return "passed" if gates == {"passed"} else "undecided"


EXIT_CODES: Mapping[Gate, int] = {"passed": 0, "undecided": 3, "regressed": 4}
"""What a gate in a pipeline ends with."""


# Below: private.


def _share(scores: Scores, turned: Sequence[bool], *, alpha: float) -> Figure:
    """The share of items that turned, with Wilson's interval.

    Turned items are rare, too rare to see how alike those of a cluster are; so they are taken to be
    copies of each other, and the items count as Kish's effective number (1965, section 8.2).
    """
    items, sizes = len(turned), Counter(scores.clusters).values()
    effective = items**2 / sum(size**2 for size in sizes)
    found = proportion.wilson(sum(turned) / items * effective, effective, alpha=alpha)
    return scores.figure(found)


def _gate(asked: Asked, alpha: float) -> Gate:
    """The gate on the scored items, if no value of the missing ones changes it."""
    sample = asked.sample
    found = {_gate_of(scores, asked.margin, alpha) for scores in _readings(sample)}
    return found.pop() if len(found) == 1 else "undecided"


def _readings(sample: Sample) -> list[Scores]:
    return [sample.scored] if sample.whole else [sample.scored, sample.worst(), sample.best()]


def _gate_of(scores: Scores, margin: float, alpha: float) -> Gate:
    judged = _judged(_difference(scores, alpha), margin)
    if judged.non_inferior:
        return "passed"
    return "regressed" if judged.regressed else "undecided"


def _judged(interval: Interval, margin: float) -> noninferiority.Verdict:
    return noninferiority.judge(
        estimate=interval.estimate, lower=interval.lower, upper=interval.upper, margin=margin
    )


def _difference(scores: Scores, alpha: float) -> Interval:
    if correction.suffices(scores):
        return correction.interval(scores, alpha=alpha)
    return _uncorrected(scores, alpha)


def _uncorrected(scores: Scores, alpha: float) -> Interval:
    return paired.interval(
        scores.candidate, scores.incumbent, scores.clusters, alpha=alpha, rule=scores.pairing
    )


def _p_value(scores: Scores) -> float:
    if correction.suffices(scores):
        return 2 * distributions.normal_cdf(-abs(correction.z_statistic(scores, null=0.0)))
    unclustered = len(set(scores.clusters)) == len(scores.clusters)
    if unclustered and mean.is_binary(scores.candidate) and mean.is_binary(scores.incumbent):
        return paired.mcnemar(scores.candidate, scores.incumbent).p_value
    z = paired.z_statistic(scores.candidate, scores.incumbent, scores.clusters, rule=scores.pairing)
    return 2 * distributions.normal_cdf(-abs(z))
