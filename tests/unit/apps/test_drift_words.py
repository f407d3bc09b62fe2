"""What is said of a judge since it was calibrated."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.unit.core.evaluation.test_judge_drift import PANEL, RUBRIC, anchors
from tests.unit.core.evaluation.test_reliance import JUDGED, KEPT, MOVED, SAME, SINCE

from escalera.apps import drift_words
from escalera.core.evaluation import judge_drift
from escalera.core.evidence import fold
from escalera.testing import playbook

FEW = judge_drift.of_labels(replace(SINCE, margin=0.06), anchors(30, first=1000), (), ["r"])
AGAIN = judge_drift.of_grades(SINCE, KEPT.anchors[:200], (), ["r"])
OTHERS = judge_drift.of_grades(
    SINCE, [replace(a, grade=1.0 - a.grade / 2) for a in KEPT.anchors[:200]], (), ["r"]
)


def said(*events, panel=PANEL):
    found = drift_words.of(panel, fold(events), alpha=0.05)
    json.dumps(found.document())
    return "\n".join(found.lines())


def test_without_a_calibration_it_says_what_one_needs():
    """And a kept one says what would show a drift."""
    assert said() == "no calibration is kept: it needs 30 graded labels that share no cluster"
    assert f"{SINCE.planned} labels are likely to show a drift of 0.10" in said(KEPT)
    small = judge_drift.keep(PANEL, anchors(30), ["r"], number=1)
    assert "it is too small to show a drift of 0.10: label until it has" in said(small)


def test_each_source_has_its_line():
    """Figures with intervals, the word, and how many more are needed."""
    text = said(KEPT, MOVED, AGAIN)
    assert "drift since calibration 1 (240 answers), margin 0.10: drifted" in text
    assert "  200 labelled since: bias +0.2" in text
    assert "  200 graded again: bias +0.00 [" in text
    assert "; 0.0% [0.0%, 1.9%] of the grades are others" in text
    assert f"too few labels ({FEW.needed} more are likely to tell)" in said(KEPT, FEW)
    few = judge_drift.of_grades(SINCE, KEPT.anchors[:8], (), ["r"])
    assert f"(--again {few.needed} is likely to tell)" in said(KEPT, few)
    used = replace(FEW, needed=None, share=1.0)
    assert "as many as were planned leave it open: renew" in said(KEPT, used)


def test_both_sources_together_say_what_changed():
    """The judge, or what it is asked about; new labels alone cannot tell."""
    assert "`escalera judge right --again 40` does" in said(KEPT, MOVED)
    assert "the answers are others now, or the people who label" in said(KEPT, MOVED, AGAIN)
    assert "it is the judge that changed" in said(KEPT, MOVED, OTHERS)
    assert "changed" not in said(KEPT, SAME)


def test_another_judge_stands_beside_the_one_before():
    """On the answers that both graded; before it is calibrated there is only the warning."""
    panel = replace(PANEL, judges=(replace(RUBRIC, rubric="Is kind."),))
    alone = said(KEPT, panel=panel)
    assert "calibration 1 is of another judge (another rubric)" in alone
    moved = [replace(a, grade=max(0.0, a.grade - 0.25)) for a in KEPT.anchors]
    second = judge_drift.keep(panel, moved, ["r"], number=2)
    text = said(KEPT, second, panel=panel)
    assert "calibration 1 was of another judge (another rubric)" in text
    assert "from that one to this, on the same 240 answers: bias -0.2" in text


def test_the_report_names_every_judge_that_scores_a_task():
    """With its tasks and one sentence."""
    judged = [replace(playbook.task(name), scorer=PANEL.scorer) for name in "ab"]
    idle = replace(PANEL, name="idle")
    project = replace(playbook.project(*judged, playbook.task("c")), judges=(PANEL, idle))
    (row,) = drift_words.build(project, fold([KEPT, MOVED, replace(JUDGED, revision="r")]))
    assert (row["judge"], row["tasks"], row["word"]) == ("right", ["a", "b"], "drifted")
    assert row["words"].startswith("drift since calibration 1 (240 answers), margin 0.10: drifted")
    assert row["warning"].startswith("judge right: it has drifted")
