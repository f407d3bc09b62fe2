"""Calibration: agreement with people, per query type, and the words for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evaluation import calibration
from escalera.core.evaluation.calibration import Graded, calibrate
from escalera.core.evaluation.judge import WORDING, Given, Grade
from escalera.core.stats import agreement, judging
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
PANEL = Panel(name="right", judges=(RUBRIC,), min_agreement=0.6)


def answer(n, people, grades, order="alone", task="a"):
    """One answer; grades are values in [0, 1] or None."""
    given = tuple(
        Given(
            judge=RUBRIC.digest,
            order=order,
            draw=draw,
            grade=Grade(value=value, reason=None if value is not None else "no verdict"),
        )
        for draw, value in enumerate(grades)
    )
    known = [value for value in grades if value is not None]
    score = Grade(value=sum(known) / len(known)) if known else Grade(value=None, reason="unread")
    return Graded(task=task, cluster=str(n), people=tuple(people), given=given, score=score)


def test_a_vote_is_right_wrong_or_a_tie_and_so_are_people():
    """Whatever the scale of the grades, which only the judges' steadiness is told on."""
    panel = replace(PANEL, combine="vote", passing=3)
    rows = [
        replace(answer(n, [float(n % 2)], [0.75, 0.5]), score=Grade(value=value))
        for n, value in enumerate([0.0, 1.0, 0.5, 1.0] * 10)
    ]
    found = calibrate(panel, rows).overall
    votes, people = [0, 2, 1, 2] * 10, [0, 2] * 20
    wanted = agreement.cohen_kappa(votes, people, categories=range(3), weights="quadratic")
    assert found.kappa == wanted
    assert found.same.estimate == 0.75
    assert found.steady is not None


def test_figures_are_those_of_the_statistics():
    """Kappa is weighted by squared distance; the bias is judge minus people; types are apart."""
    people = [n % 5 / 4 for n in range(60)]
    grades = [min(1.0, value + (0.25 if n % 3 == 0 else 0.0)) for n, value in enumerate(people)]
    rows = [
        answer(n, [p], [g], task="a" if n < 30 else "b")
        for n, (p, g) in enumerate(zip(people, grades, strict=True))
    ]
    found = calibrate(PANEL, rows)
    wanted = agreement.cohen_kappa(
        [round(4 * g) for g in grades],
        [round(4 * p) for p in people],
        categories=range(5),
        weights="quadratic",
    )
    assert found.overall.kappa == wanted
    assert found.overall.bias.estimate == pytest.approx(
        sum(g - p for g, p in zip(grades, people, strict=True)) / 60
    )
    assert found.overall.same.estimate == pytest.approx(
        sum(g == p for g, p in zip(grades, people, strict=True)) / 60
    )
    assert [(entry.task, entry.answers) for entry in found.tasks] == [("a", 30), ("b", 30)]
    assert found.overall.label_worth > 5
    assert found.overall.people is None
    assert found.overall.position is None
    assert found.trust == "trusted"


def test_people_among_themselves_and_the_judge_with_itself():
    """With several labels or several grades per answer there is an alpha of each."""
    rows = [
        answer(n, [n % 3 / 2, (n + (n % 7 == 0)) % 3 / 2], [n % 2, 1 - n % 2 if n < 3 else n % 2])
        for n in range(40)
    ]
    found = calibrate(PANEL, rows).overall
    assert 0.5 < found.people.estimate < 1.0
    assert 0.5 < found.steady.estimate < 1.0
    assert found.steady.estimate > found.alpha.estimate


def test_unscored_answers_are_counted_with_their_reasons_and_never_wrong():
    """They change no figure."""
    rows = [answer(n, [n % 2], [n % 2]) for n in range(20)]
    plain = calibrate(PANEL, rows).overall
    found = calibrate(PANEL, [*rows, answer(99, [1.0], [None])]).overall
    assert (found.answers, found.unscored, found.reasons) == (21, 1, (("unread", 1),))
    assert found.kappa == plain.kappa
    assert found.bias == plain.bias


def test_a_comparing_judge_has_position_bias_and_flips():
    """As the statistics of both passes say."""
    rows = []
    for n in range(50):
        first, second = 1.0, (0.0 if n % 5 == 0 else 1.0) if n % 2 else 0.0
        given = tuple(
            Given(judge=RUBRIC.digest, order=order, draw=0, grade=Grade(value=value))
            for order, value in (("first", first), ("second", second))
        )
        score = Grade(value=(first + second) / 2)
        rows.append(
            Graded(task="a", cluster=str(n), people=(float(n % 2),), given=given, score=score)
        )
    found = calibrate(PANEL, rows).overall
    seconds = [row.given[1].grade.value for row in rows]
    assert found.position == judging.read([1.0] * 50, seconds, [row.cluster for row in rows])
    assert found.position.position_bias.lower > 0


def test_trust_needs_the_whole_interval_above_the_bar():
    """A good estimate on few labels is no evidence; agreement by chance is no trust."""
    few = [answer(n, [n % 2], [n % 2 if n != 3 else 0.0]) for n in range(6)]
    assert calibrate(PANEL, few).trust == "undecided"
    chance = [answer(n, [n % 2], [n // 2 % 2]) for n in range(200)]
    assert calibrate(PANEL, chance).trust == "not trusted"
    strict = [answer(n, [1.0], [n % 2]) for n in range(200)]
    assert calibrate(PANEL, strict).trust == "undecided", "people gave the same to all"
    alike = [answer(n, [1.0], [1.0]) for n in range(20)]
    assert calibrate(PANEL, alike).overall.kappa is None
    assert calibrate(PANEL, alike).trust == "undecided"


def test_words_and_refusals():
    """The words are the usual ones; nothing is said without labels."""
    said = [calibration.words(kappa) for kappa in (-0.1, 0.1, 0.3, 0.5, 0.7, 0.9)]
    assert said == ["no", "slight", "fair", "moderate", "substantial", "almost perfect"]
    with pytest.raises(ValueError, match="no answer has a label"):
        calibrate(PANEL, [])
