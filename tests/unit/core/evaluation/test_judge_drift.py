"""Drift of a judge: new labels beside those of its calibration, and the same answers once more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evaluation import judge_drift
from escalera.core.evaluation.correction import ENOUGH
from escalera.core.evaluation.judge import WORDING
from escalera.core.evaluation.judge_drift import Since
from escalera.core.stats import mean, paired, unpaired
from escalera.domain.calibration import Anchor
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.message import Decoding

RUBRIC = Judge(
    kind="rubric",
    model="large",
    revision="r1",
    rubric="Is right.",
    scale=Scale(lowest=0, highest=4),
    reference=False,
    decoding=Decoding(),
    wording=WORDING,
)
PANEL = Panel(name="right", judges=(RUBRIC,))


def anchors(count, *, shift=0.0, first=0, per_cluster=1):
    """Answers of five grades, of which each third is graded a step too high; moved by *shift*."""
    found = []
    for n in range(first, first + count):
        people = n % 5 / 4
        grade = people + (0.25 if n % 3 == 0 else 0.0) + shift
        found.append(
            Anchor(
                item=f"a/{n}",
                answer=f"x{n}",
                cluster=f"c{n // per_cluster}",
                people=people,
                grade=min(1.0, max(0.0, grade)),
            )
        )
    return tuple(found)


def since(count=240, **more):
    kept = judge_drift.keep(PANEL, anchors(count, **more), ["r"], number=1)
    assert kept is not None
    return Since(kept=kept, margin=0.1, alpha=0.05)


def by_measure(reading):
    return {shift.measure: shift for shift in reading.shifts}


def test_a_calibration_needs_answers_that_share_no_cluster():
    """From 30 clusters on; who judged is in it, and endpoints once each."""
    assert judge_drift.keep(PANEL, anchors(ENOUGH - 1), [], number=1) is None
    assert judge_drift.keep(PANEL, anchors(2 * ENOUGH - 2, per_cluster=2), [], number=1) is None
    kept = judge_drift.keep(PANEL, anchors(ENOUGH), ["r2", "r1", "r2"], number=3)
    assert kept is not None
    assert (kept.panel, kept.scorer, kept.number) == ("right", PANEL.scorer, 3)
    assert (kept.judges, kept.revisions) == ((RUBRIC,), ("r1", "r2"))
    assert len(kept.anchors) == ENOUGH


def test_new_labels_of_the_same_judge_are_no_drift():
    """Both measures lie within the margin when as many are there as were planned."""
    asked = since()
    planned = asked.planned
    assert planned is not None
    found = judge_drift.of_labels(asked, anchors(planned, first=1000), (), ["r"])
    assert found is not None
    assert (found.word, found.needed, found.share) == ("no drift", None, 1.0)
    assert (found.source, found.look, found.answers) == ("labels", 1, planned)
    assert {shift.word for shift in found.shifts} == {"no drift"}


@pytest.mark.parametrize(("shift", "sign"), [(0.3, 1), (-0.3, -1)])
def test_a_judge_that_grades_otherwise_has_drifted(shift, sign):
    """Either way; the bias says which."""
    found = judge_drift.of_labels(since(), anchors(200, first=1000, shift=shift), (), ["r"])
    assert found is not None
    assert (found.word, found.needed) == ("drifted", None)
    change = by_measure(found)["bias"].change
    assert change.value * sign > 0.1
    assert (change.lower > 0) if sign > 0 else (change.upper < 0)


def test_the_interval_is_that_of_two_samples():
    """At the error of the last look, which is what the plan leaves of a quarter of alpha."""
    asked = since()
    new = anchors(asked.planned, first=1000, shift=0.05)
    found = judge_drift.of_labels(asked, new, (), [])
    alpha = 0.05 / 4
    old, now = ([abs(a.bias) for a in side] for side in (asked.kept.anchors, new))
    wanted = unpaired.difference(mean.interval(now, alpha=alpha), mean.interval(old, alpha=alpha))
    change = by_measure(found)["disagreement"].change
    assert (change.value, change.lower, change.upper) == pytest.approx(
        (wanted.estimate, wanted.lower, wanted.upper), abs=1e-6
    )


def test_too_few_labels_say_how_many_more():
    """As many as are planned in all; each look needs new ones, and after the last there is none."""
    asked = replace(since(), margin=0.06)
    first = judge_drift.of_labels(asked, anchors(30, first=1000), (), [])
    assert (first.word, first.needed) == ("too few labels", asked.planned - 30)
    assert judge_drift.of_labels(asked, anchors(30, first=1000), [first], []) is None
    second = judge_drift.of_labels(asked, anchors(60, first=1000), [first], [])
    assert (second.look, second.needed) == (2, asked.planned - 60)
    assert first.share < second.share < 1.0
    last = judge_drift.of_labels(asked, anchors(5000, first=1000), [first, second], [])
    assert last.share == 1.0
    assert judge_drift.of_labels(asked, anchors(6000, first=1000), [last], []) is None
    assert judge_drift.of_labels(asked, (), [], []) is None


def test_looks_on_the_way_are_dearer_than_the_last():
    """What is shown early must be larger: the error is spent as O'Brien and Fleming do."""
    asked = replace(since(), margin=0.06)
    widths = []
    for count in (40, 80, asked.planned):
        reading = judge_drift.of_labels(asked, anchors(count, first=1000), (), [])
        change = by_measure(reading)["bias"].change
        widths.append((change.upper - change.lower) * count**0.5)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 1.5 * widths[-1]


def test_a_small_calibration_says_how_large_one_must_be():
    """However many labels come, its own error is too large."""
    small = since(ENOUGH)
    assert small.planned is None
    assert small.least > ENOUGH
    assert since(small.least).planned is not None
    found = judge_drift.of_labels(small, anchors(500, first=1000), (), [])
    assert (found.needed, found.share < 1.0) == (None, True)


def test_answers_of_one_cluster_count_once():
    """The plan is in clusters, and so is what is there of it."""
    clustered = replace(since(480, per_cluster=2), margin=0.06)
    planned = clustered.planned * 240 / (clustered.planned + 240)
    assert clustered.share(50) == pytest.approx(50 * 240 / 290 / planned)
    new = anchors(60, first=1000, per_cluster=2)
    found = judge_drift.of_labels(clustered, new, (), [])
    assert found.share == pytest.approx(clustered.share(30))
    assert {shift.change.clusters for shift in found.shifts} == {30}


def test_the_same_answers_once_more_are_pairs():
    """People's part cancels; what is not of the calibration is left out."""
    asked = since()
    again = tuple(replace(a, grade=min(1.0, a.grade + 0.25)) for a in asked.kept.anchors[:100])
    stray = replace(again[0], item="b/1")
    found = judge_drift.of_grades(asked, [*again, stray], (), ["r9"])
    assert (found.word, found.source, found.answers) == ("drifted", "again", 100)
    assert (found.anchors, found.revisions) == (again, ("r9",))
    wanted = paired.interval(
        [a.grade for a in again], [a.grade for a in asked.kept.anchors[:100]], alpha=0.05 / 8
    )
    change = by_measure(found)["bias"].change
    assert (change.value, change.lower) == (wanted.estimate, wanted.lower)
    moved = sum(a.grade != b.grade for a, b in zip(again, asked.kept.anchors, strict=False))
    assert found.changed.value == moved / 100
    assert judge_drift.of_grades(asked, [stray], (), []) is None


def test_equal_grades_are_no_drift_once_there_are_enough():
    """A few equal grades prove nothing; rounds of their own spend less and less."""
    asked = since()
    few = judge_drift.of_grades(asked, asked.kept.anchors[:8], (), [])
    assert few.word == "too few labels"
    assert few.needed > 8
    enough = judge_drift.of_grades(asked, asked.kept.anchors, (), [])
    assert (enough.word, enough.changed.value) == ("no drift", 0.0)
    later = judge_drift.of_grades(asked, asked.kept.anchors, (enough,), [])
    wide, wider = (by_measure(one)["bias"].change for one in (enough, later))
    assert later.look == 2
    assert wider.upper > wide.upper


def test_a_shift_inside_the_margin_is_no_drift_even_where_it_is_shown():
    """It is not nothing, and it does not matter."""
    asked = replace(since(2000), margin=0.2)
    again = tuple(replace(a, grade=max(0.0, a.grade - 0.05)) for a in asked.kept.anchors)
    found = judge_drift.of_grades(asked, again, (), [])
    assert by_measure(found)["bias"].change.upper < 0
    assert found.word == "no drift"
