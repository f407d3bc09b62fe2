"""Whether a judge still grades as it did when it was calibrated.

Two sources tell. Answers that were labelled since are another sample than those of the calibration:
their mean bias (judge minus people) and disagreement (either way) differ from the calibration's by
`stats.unpaired`. Answers of the calibration that are graded again, by the same judge in the same
words, are the same sample: their grades differ pair by pair, whatever people thought of them. The
first says whether the calibration still holds for what is asked now; the second whether it is the
judge that changed.

Either may be read as often as one likes. New labels spend their error as a group-sequential test of
O'Brien-Fleming type does, up to the labels that show a drift of the margin with `POWER`; a
difference from a fixed sample has independent increments, so the boundaries hold (Jennison and
Turnbull 2000, section 3.1). Round k of grading again spends 1 / (k (k + 1)) of its error. The error
is shared equally by the two sources and the two measures: all together, no drift is called drift
with a probability of at most `alpha`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from escalera.core.evaluation.correction import ENOUGH
from escalera.core.stats import clustering, distributions, mean, paired, power, spending, unpaired
from escalera.core.stats.clustering import Estimate, Interval
from escalera.domain.calibration import (
    Anchor,
    Anchored,
    DriftMeasure,
    DriftWord,
    Rechecked,
    Shift,
)
from escalera.domain.judge import Panel
from escalera.domain.verdict import Figure

POWER = 0.95
"""Chance with which a drift of the margin is to be found. Where there is none, that is then shown
in about three of four: it needs both intervals within the margin."""

_SHARES = 4
"""Two sources by two measures."""

_SEQUENTIAL = 1.03
"""What looking on the way costs in answers (Jennison and Turnbull 2000, table 2.4)."""

_MOST = 10.0
"""Times the calibration's answers: where more new ones are needed, the calibration is too small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What is held against a calibration: how far the margin is, and the error of all readings."""

    kept: Anchored
    margin: float
    alpha: float

    @property
    def planned(self) -> int | None:
        """New labels, in clusters of their own, that show a drift of the margin.

        None where the calibration itself rests on too few for that.
        """
        found = [self._beside(measure) for measure in _MEASURES]
        if any(n is None for n in found):
            return None
        most = max(n for n in found if n is not None) * _SEQUENTIAL
        return math.ceil(most) if most <= _MOST * clusters(self.kept.anchors) else None

    @property
    def least(self) -> int:
        """Labels from which on a calibration and as many new ones show a drift of the margin."""
        wide = max(_variance(self.kept.anchors, measure, self.margin) for measure in _MEASURES)
        needed = _detecting(self.margin, wide, self.alpha / _SHARES)
        return max(ENOUGH, math.ceil(2.0 * needed * _SEQUENTIAL))

    def share(self, new: int) -> float:
        """How much of the planned information *new* labels hold, at most 1.

        The information of a difference is 1 / (1/n + 1/m). Without a plan it is held against that
        of labels without end.
        """
        held, planned = clusters(self.kept.anchors), self.planned
        most = held if planned is None else _information(planned, held)
        return min(1.0, _information(new, held) / most)

    def _beside(self, measure: DriftMeasure) -> int | None:
        return power.items_beside(
            items=clusters(self.kept.anchors),
            difference=self.margin,
            variance=_variance(self.kept.anchors, measure, self.margin),
            alpha=self.alpha / _SHARES,
            power=POWER,
        )


def clusters(anchors: Sequence[Anchor]) -> int:
    """How many independent answers there are."""
    return len({anchor.cluster for anchor in anchors})


def keep(
    panel: Panel, anchors: Sequence[Anchor], revisions: Sequence[str], *, number: int
) -> Anchored | None:
    """The calibration to keep, or None where there are too few answers for one."""
    if clusters(anchors) < ENOUGH:
        return None
    return Anchored(
        panel=panel.name,
        scorer=panel.scorer,
        number=number,
        judges=panel.judges,
        repeats=panel.repeats,
        revisions=tuple(sorted(set(revisions))),
        anchors=tuple(anchors),
    )


def of_labels(
    since: Since, new: Sequence[Anchor], before: Sequence[Rechecked], revisions: Sequence[str]
) -> Rechecked | None:
    """The next reading of answers that were labelled since, after those *before*.

    None where nothing new is to be read, or what was planned has been read.
    """
    if not new:
        return None
    share, times = since.share(clusters(new)), tuple(reading.share for reading in before)
    if times and share < times[-1] * (1.0 + 2.0 * spending.CLOSEST):
        return None
    limits = spending.boundaries(
        (*times, share), alpha=since.alpha / _SHARES, spending="obrien-fleming"
    )
    nominal = 2.0 * distributions.normal_cdf(-limits[-1])
    shifts = tuple(
        _shift(since, measure, new, unpaired.difference(*_both(since, new, of, nominal)))
        for measure, of in _MEASURES.items()
    )
    word, planned = _word(shifts), since.planned
    needed = None
    if word == "too few labels" and planned is not None and share < 1.0:
        needed = max(1, planned - clusters(new))
    return Rechecked(
        panel=since.kept.panel,
        scorer=since.kept.scorer,
        number=since.kept.number,
        margin=since.margin,
        source="labels",
        look=len(before) + 1,
        share=share,
        answers=len(new),
        shifts=shifts,
        word=word,
        needed=needed,
        changed=None,
        anchors=(),
        revisions=tuple(sorted(set(revisions))),
    )


def of_grades(
    since: Since, again: Sequence[Anchor], before: Sequence[Rechecked], revisions: Sequence[str]
) -> Rechecked | None:
    """The reading of answers of the calibration that were graded *again*, after rounds *before*.

    None where none of them is of the calibration.
    """
    earlier = {anchor.key: anchor for anchor in since.kept.anchors}
    pairs = [(earlier[anchor.key], anchor) for anchor in again if anchor.key in earlier]
    if not pairs:
        return None
    labels, look = [new.cluster for _, new in pairs], len(before) + 1
    alpha = since.alpha / _SHARES / (look * (look + 1))
    shifts, needed = [], 0
    for measure, value in _VALUES.items():
        old, new = ([value(anchor) for anchor in side] for side in zip(*pairs, strict=True))
        found = paired.interval(new, old, labels, alpha=alpha)
        shifts.append(_shift(since, measure, [anchor for _, anchor in pairs], found))
        spread = _spread(paired.difference(new, old, labels), since.margin)
        needed = max(needed, _detecting(since.margin, spread, alpha))
    moved = [float(old.grade != new.grade) for old, new in pairs]
    word = _word(shifts)
    return Rechecked(
        panel=since.kept.panel,
        scorer=since.kept.scorer,
        number=since.kept.number,
        margin=since.margin,
        source="again",
        look=look,
        share=1.0,
        answers=len(pairs),
        shifts=tuple(shifts),
        word=word,
        needed=max(needed, len(set(labels)) + 1) if word == "too few labels" else None,
        changed=_figure(mean.interval(moved, labels, alpha=since.alpha), len(pairs), labels),
        anchors=tuple(new for _, new in pairs),
        revisions=tuple(sorted(set(revisions))),
    )


# Below: private.


def _bias(anchors: Sequence[Anchor], alpha: float) -> Interval:
    judge, people = [a.grade for a in anchors], [a.people for a in anchors]
    return paired.interval(judge, people, [a.cluster for a in anchors], alpha=alpha)


def _disagreement(anchors: Sequence[Anchor], alpha: float) -> Interval:
    distances = [abs(anchor.bias) for anchor in anchors]
    return mean.interval(distances, [a.cluster for a in anchors], alpha=alpha)


_Of = Callable[[Sequence[Anchor], float], Interval]
_MEASURES: dict[DriftMeasure, _Of] = {"bias": _bias, "disagreement": _disagreement}
_VALUES: dict[DriftMeasure, Callable[[Anchor], float]] = {
    "bias": lambda anchor: anchor.grade,  # people's part is the same in both
    "disagreement": lambda anchor: abs(anchor.bias),
}


def _both(since: Since, new: Sequence[Anchor], of: _Of, alpha: float) -> tuple[Interval, Interval]:
    return of(new, alpha), of(since.kept.anchors, alpha)


def _detecting(margin: float, variance: float, alpha: float) -> int:
    """Answers whose mean is told from one that is a margin away."""
    found = power.items_for_noninferiority(
        difference=margin, margin=0.0, variance=variance, alpha=alpha, power=POWER
    )
    return found or 1


def _information(new: int, held: int) -> float:
    return new * held / (new + held)


def _variance(anchors: Sequence[Anchor], measure: DriftMeasure, margin: float) -> float:
    values = [a.bias if measure == "bias" else abs(a.bias) for a in anchors]
    return _spread(clustering.robust_mean(values, [a.cluster for a in anchors]), margin)


def _spread(found: Estimate, margin: float) -> float:
    """Variance per cluster; at least half of what a drift of the margin brings into it."""
    seen = found.standard_error**2 * found.clusters if found.clusters > 1 else 1.0
    return min(1.0, max(seen, 0.5 * margin * (1.0 - margin)))


def _shift(since: Since, measure: DriftMeasure, new: Sequence[Anchor], found: Interval) -> Shift:
    """Within the margin it is no drift, even where it is not nothing."""
    word: DriftWord = "too few labels"
    if -since.margin < found.lower and found.upper < since.margin:
        word = "no drift"
    elif not found.lower <= 0.0 <= found.upper:
        word = "drifted"
    change = _figure(found, len(new), [anchor.cluster for anchor in new])
    return Shift(measure=measure, change=change, word=word)


def _word(shifts: Sequence[Shift]) -> DriftWord:
    words = {shift.word for shift in shifts}
    if "drifted" in words:
        return "drifted"
    return "no drift" if words == {"no drift"} else "too few labels"


def _figure(found: Interval, n: int, labels: Sequence[str]) -> Figure:
    return Figure(
        value=found.estimate,
        lower=found.lower,
        upper=found.upper,
        n=n,
        clusters=len(set(labels)),
    )
