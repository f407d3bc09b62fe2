"""Keeping calibrations of a judge, and holding it against them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.engine.test_judging import PRICE, World, between

from escalera.core.evaluation import reliance
from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.domain.event import Anchored, Judged, Rechecked
from escalera.domain.judge import Label
from escalera.domain.project import Budget
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import calibrating
from escalera.engine.calibrating import NO_WISH, DriftWish
from escalera.engine.measuring import Means
from escalera.errors import EvidenceMissing
from escalera.testing.retrieval import retrieval
from escalera.testing.scoring import PureScoring


class Shop:
    """A judge that can be moved, and answers with labels."""

    def __init__(self, items=240):
        self.world = World(items=items, answers=self.grade)
        self.step = 0
        self.budget = Budget()

    def grade(self, request):
        number = int(between(request.messages[-1].content, "ANSWER").split()[-1])
        return f"I looked.\nVERDICT: {min(4, number % 4 + self.step)}"

    def run(self, first, last, wish=NO_WISH):
        """`judge`, with labels of the answers from *first* to *last*."""
        labels = tuple(
            Label(item=f"a/confirm/{n}", reply=f"answer {n}", scores=(n % 4 / 4,))
            for n in range(first, last)
        )
        task = replace(self.world.task, labels=labels)
        project = replace(self.world.project, tasks=(task,))
        means = Means(
            journal=self.world.journal,
            evidence=self.evidence,
            scoring=PureScoring,
            provider=lambda _: self.world.judge,
            caps=Caps(budget=self.budget, prices={"large": PRICE, "base": PRICE}),
            progress=lambda *_: None,
            artifacts=FolderArtifacts(Path("unused")),
            retrieval=retrieval(),
        )
        return calibrating.run(project, self.world.panel, means, wish)

    @property
    def evidence(self):
        return fold(self.world.journal.events())

    @property
    def word(self):
        return reliance.of(self.world.panel, self.evidence).word

    def events(self, kind):
        return self.world.events(kind)


def test_the_first_calibration_is_kept_and_what_comes_later_is_read():
    """Too few keep nothing; equal labels are read once; a drift of the judge is found."""
    shop = Shop()
    shop.run(0, 29)
    assert shop.events(Anchored) == []
    shop.run(0, 120)
    (kept,) = shop.events(Anchored)
    assert (kept.number, len(kept.anchors)) == (1, 120)
    assert kept.revisions == ("scripted-1",)
    assert {anchor.bias for anchor in kept.anchors} == {0.0}
    shop.step = 1
    shop.run(0, 240)
    (read,) = shop.events(Rechecked)
    assert (read.source, read.answers, read.word) == ("labels", 120, "drifted")
    before = list(shop.world.journal.events())
    shop.run(0, 240)
    assert list(shop.world.journal.events()) == before
    assert shop.word == "drifted"


def test_answers_are_graded_again_in_the_same_words():
    """New calls, under a round of their own; the answers' grades stay as they were."""
    shop = Shop()
    shop.run(0, 120)
    asked = len(shop.world.judge.requests)
    shop.step = 1
    shop.run(0, 120, DriftWish(again=60))
    again = shop.world.judge.requests[asked:]
    assert len(again) == 60
    texts = {request.messages[-1].content for request in shop.world.judge.requests[:asked]}
    assert {request.messages[-1].content for request in again} <= texts
    (read,) = shop.events(Rechecked)
    assert (read.source, read.answers, read.word) == ("again", 60, "drifted")
    assert read.changed.value == 1.0
    graded = shop.run(0, 120).answers
    assert {answer.score.value - answer.human for answer in graded} == {0.0}
    assert len(shop.world.judge.requests) == asked + 60


def test_a_judge_that_says_the_same_has_not_drifted():
    """Rounds draw other answers; each is asked for anew."""
    shop = Shop()
    for _ in range(2):
        shop.run(0, 240, DriftWish(again=150))
    first, second = shop.events(Rechecked)
    assert (first.word, second.word, second.look) == ("no drift", "no drift", 2)
    assert {a.key for a in first.anchors} != {a.key for a in second.anchors}
    assert sum(event.anew == 2 for event in shop.events(Judged)) == 150


def test_a_round_that_a_cap_cuts_off_goes_on():
    """Nothing is read before all are graded; nothing is bought twice."""
    shop = Shop()
    shop.run(0, 120)
    shop.budget = Budget(calls=150)
    found = shop.run(0, 120, DriftWish(again=60))
    assert (found.unasked, shop.events(Rechecked)) == (30, [])
    shop.budget = Budget()
    assert shop.run(0, 120, DriftWish(again=60)).unasked == 0
    (read,) = shop.events(Rechecked)
    assert (read.answers, len(shop.world.judge.requests)) == (60, 180)


def test_after_a_drift_a_renewed_calibration_holds_what_came_since():
    """New labels and new grades; what was graded before is not held against it again."""
    shop = Shop()
    shop.run(0, 120)
    shop.step = 1
    shop.run(0, 120, DriftWish(again=50))
    assert shop.word == "drifted"
    shop.run(0, 130, DriftWish(renew=True))
    _, kept = shop.events(Anchored)
    assert (kept.number, len(kept.anchors)) == (2, 60)
    assert min(anchor.bias for anchor in kept.anchors) > 0
    assert shop.word == "not read"
    shop.run(0, 130)
    assert shop.word == "not read"


def test_without_drift_all_answers_are_in_the_renewed_one():
    """And nothing is kept twice."""
    shop = Shop()
    shop.run(0, 120, DriftWish(renew=True))
    shop.run(0, 120, DriftWish(renew=True))
    assert len(shop.events(Anchored)) == 1
    shop.run(0, 200, DriftWish(renew=True))
    assert [len(one.anchors) for one in shop.events(Anchored)] == [120, 200]


def test_what_there_are_too_few_labels_for_is_refused():
    """With what would help."""
    shop = Shop()
    with pytest.raises(EvidenceMissing, match="label 30 answers or more"):
        shop.run(0, 20, DriftWish(again=5))
    with pytest.raises(EvidenceMissing, match="20 answers of judge 'right' were labelled, and"):
        shop.run(0, 20, DriftWish(renew=True))
    shop.run(0, 120)
    shop.step = 2
    shop.run(0, 120, DriftWish(again=20))
    with pytest.raises(EvidenceMissing, match="grade again first"):
        shop.run(0, 120, DriftWish(renew=True))


def test_another_judge_of_the_name_gets_a_calibration_of_its_own():
    """Its number goes on; the labels are graded by it."""
    shop = Shop()
    shop.run(0, 60)
    old = shop.world.panel
    judge = replace(old.judges[0], rubric="Is kind.")
    new = replace(old, judges=(judge,))
    shop.world.panel = new
    shop.world.project = replace(shop.world.project, judges=(new,))
    shop.world.task = replace(shop.world.task, scorer=new.scorer)
    assert shop.word == "another judge"
    shop.run(0, 60)
    first, second = shop.events(Anchored)
    assert (first.scorer, second.scorer) == (old.scorer, new.scorer)
    assert (second.number, shop.word) == (2, "not read")
