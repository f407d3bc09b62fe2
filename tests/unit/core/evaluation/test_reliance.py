"""How far a judge may be relied on, by what the journal holds."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from tests.unit.core.evaluation.test_judge_drift import PANEL, RUBRIC, anchors
from tests.unit.core.test_judgements import EVENT

from escalera.core.evaluation import judge_drift, reliance
from escalera.core.evaluation.judge_drift import Since
from escalera.core.evidence import fold
from escalera.domain.judge import Judge
from escalera.testing import playbook

KEPT = judge_drift.keep(PANEL, anchors(240), ["r"], number=1)
SINCE = Since(kept=KEPT, margin=0.1, alpha=0.05)
SAME = judge_drift.of_labels(SINCE, anchors(200, first=1000), (), ["r"])
MOVED = judge_drift.of_labels(SINCE, anchors(200, first=1000, shift=0.3), (), ["r"])
AGAIN = judge_drift.of_grades(SINCE, KEPT.anchors[:200], (), ["r2"])
JUDGED = replace(EVENT, judge=RUBRIC.digest)


def of(*events, panel=PANEL):
    return reliance.of(panel, fold(events))


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ((), "not calibrated"),
        ((KEPT,), "not read"),
        ((KEPT, SAME), "no drift"),
        ((KEPT, AGAIN), "no drift"),
        ((KEPT, MOVED), "drifted"),
        ((KEPT, MOVED, AGAIN), "drifted"),
        ((KEPT, MOVED, replace(SAME, look=2)), "no drift"),
        ((KEPT, replace(SAME, word="too few labels"), AGAIN), "too few labels"),
        ((KEPT, MOVED, replace(KEPT, number=2)), "not read"),
    ],
)
def test_the_word_is_that_of_the_last_readings(events, word):
    """Either source may say drifted; a new calibration begins anew."""
    assert of(*events).word == word


def test_only_what_is_in_doubt_warns():
    """A drift with its figures and what to do; no drift says nothing."""
    assert of().warning is None
    assert of(KEPT, SAME).warning is None
    said = of(KEPT, MOVED).warning
    assert "drifted since calibration 1 (bias +0.2" in said
    assert "--renew" in said
    other = of(KEPT, MOVED, AGAIN).warning
    assert "does not hold for answers that were labelled since (bias +0.2" in other
    assert "do not compare" not in other


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "huge"}, "another model"),
        ({"revision": "r2"}, "another endpoint, or other weights"),
        ({"rubric": "Is kind."}, "another rubric"),
        ({"wording": "w"}, "other texts around the rubric"),
    ],
)
def test_another_judge_is_said_in_words(changed, words):
    """What differs; and nothing of the calibration is its."""
    panel = replace(PANEL, judges=(replace(RUBRIC, **changed),))
    found = of(KEPT, SAME, panel=panel)
    assert (found.word, found.kept, found.labels) == ("another judge", None, None)
    assert words in found.warning
    assert "calibration 1 is of another judge" in found.warning
    two = of(KEPT, panel=replace(PANEL, judges=(RUBRIC, replace(RUBRIC, model="huge"))))
    assert two.differences == ("1 models judged, now 2",)
    more = of(KEPT, panel=replace(PANEL, repeats=3))
    assert more.differences == ("repeats were 1, now 3",)


def test_every_field_of_a_judge_has_its_words():
    """So that no difference goes unsaid."""
    assert set(reliance._CHANGED) == {field.name for field in fields(Judge)}


def test_an_endpoint_that_says_another_thing_of_itself_warns_until_its_grades_are_alike():
    """As it said when it was calibrated, or in a reading without drift, it is known."""
    assert of(KEPT, replace(JUDGED, revision="r")).warning is None
    changed = of(KEPT, replace(JUDGED, revision="r2"))
    assert changed.endpoints == ("it says 'r2', then 'r'",)
    assert "--again 40` says whether its grades are" in changed.warning
    assert of(KEPT, replace(JUDGED, revision="r2"), AGAIN).warning is None
    assert of(KEPT, replace(JUDGED, judge="other", revision="r2")).warning is None


def test_verdicts_of_judged_tasks_alone_are_warned_of():
    """Once per judge."""
    judged = [replace(playbook.task(name), scorer=PANEL.scorer) for name in "ab"]
    ruled = playbook.task("c")
    project = replace(playbook.project(*judged, ruled), judges=(PANEL,))
    evidence = fold([KEPT, MOVED])
    (said,) = reliance.warnings(project, evidence)
    assert said.startswith("judge right: it has drifted")
    assert reliance.warnings(project, evidence, [ruled]) == ()
    assert reliance.warnings(project, fold([KEPT, SAME])) == ()
