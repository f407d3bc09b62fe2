"""What `judge` shows, to people and to scripts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.unit.core.evaluation.test_judge_drift import anchors

from escalera.apps import calibrated
from escalera.core.evaluation import judge_drift
from escalera.core.evaluation.calibration import Graded
from escalera.core.evaluation.judge import WORDING, Given, Grade
from escalera.core.evaluation.judge_drift import Since
from escalera.core.evidence import fold
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.message import Decoding
from escalera.engine.calibrating import Drawn, Labelled
from escalera.errors import EvidenceMissing, InputError
from escalera.testing import playbook

JUDGE = Judge(
    kind="rubric",
    model="large",
    revision="r1",
    rubric="Is kind.",
    scale=Scale(lowest=0, highest=4),
    reference=False,
    decoding=Decoding(),
    wording=WORDING,
)
PANEL = Panel(name="kind", judges=(JUDGE,), min_agreement=0.4)


def graded(n, human, grade, *, task="a", people=1):
    value = Grade(value=grade, reason=None if grade is not None else "no verdict")
    given = (Given(judge=JUDGE.digest, order="alone", draw=0, grade=value),)
    return Graded(task=task, cluster=str(n), people=(human,) * people, given=given, score=value)


def found(*answers, missing=0, unasked=0, panel=PANEL, events=()):
    judged = Labelled(answers=answers, missing=missing, unasked=unasked)
    return calibrated.of(panel, judged, fold(events), alpha=0.05)


KEPT = judge_drift.keep(PANEL, anchors(240), ["r"], number=1)
SINCE = Since(kept=KEPT, margin=0.1, alpha=0.05)
MOVED = judge_drift.of_labels(SINCE, anchors(200, first=1000, shift=0.3), (), ["r"])
GOOD = [graded(n, n % 5 / 4, min(1.0, n % 5 / 4 + 0.25), people=2) for n in range(80)]
CHANCE = [graded(n, n % 2, n // 2 % 2) for n in range(80)]


def test_a_judge_that_agrees_is_trusted_as_far_as_that():
    """The sentence, the table and the notes; 0 for pipelines."""
    good = found(*GOOD)
    assert good.exit_code == 0
    text = str(good)
    assert "at least 0.40 is asked for; it can be trusted as far as that" in text
    assert "kappa 0.80 [0.76, 0.84] (substantial)" in text
    assert "the judge grades 0.200 higher than people" in text
    assert "people agree with each other to alpha 1.00" in text
    assert "labels of a system's own answers bring its corrected score to +-0.05" in text
    assert len(text.splitlines()[2].split()) > 6


def test_the_orders_it_was_asked_in_are_told():
    """As their last line, and for scripts."""
    made = replace(found(*GOOD), orders=("judge kind (large): 10 calls left out",))
    assert str(made).endswith("\njudge kind (large): 10 calls left out")
    assert made.document()["orders"] == ["judge kind (large): 10 calls left out"]


def test_what_is_not_shown_is_not_trusted():
    """Chance agreement, too few labels, or a cap that came before: 3."""
    assert found(*CHANCE).exit_code == 3
    assert "it cannot be trusted" in str(found(*CHANCE))
    few = found(*GOOD[:4], graded(9, 0.5, 0.0))
    assert few.exit_code == 3
    assert "more labels are needed" in str(few)
    cut = found(*GOOD, missing=3)
    assert cut.exit_code == 3
    assert "3 labelled answers were not judged" in str(cut)
    alike = found(*(graded(n, 1.0, 1.0) for n in range(40)))
    assert alike.exit_code == 3
    assert "label answers that differ" in str(alike)


def test_tasks_have_their_own_rows_and_the_unscored_their_reasons():
    """In the table and as plain data."""
    both = found(*GOOD, *(replace(row, task="b") for row in CHANCE), graded(99, 1.0, None))
    rows = [line.split()[0] for line in str(both).splitlines()[3:6]]
    assert rows == ["all", "a", "b"]
    assert "160 of 161" in str(both)
    assert "(1 times: no verdict)" in str(both)
    document = json.loads(json.dumps(both.document()))
    assert (document["judge"], document["models"]) == ("kind", ["large"])
    assert [entry["task"] for entry in document["tasks"]] == ["a", "b"]
    assert document["overall"]["reasons"] == [{"reason": "no verdict", "answers": 1}]
    assert document["overall"]["kappa"]["method"]


def test_position_and_flips_are_told_of_a_judge_that_compares():
    """With their intervals."""
    answers = []
    for n in range(40):
        grades = (1.0, 0.0 if n % 4 == 0 else 1.0)
        given = tuple(
            Given(judge=JUDGE.digest, order=order, draw=0, grade=Grade(value=value))
            for order, value in zip(("first", "second"), grades, strict=True)
        )
        score = Grade(value=sum(grades) / 2)
        answers.append(
            Graded(task="a", cluster=str(n), people=(n % 2 / 1,), given=given, score=score)
        )
    text = str(found(*answers))
    assert "being shown first adds +0.12" in text
    assert "the order changes 25.0% of the verdicts" in text


def test_a_drift_takes_the_trust_away():
    """What is known since the calibration stands below; a round that was cut off is no reading."""
    good = found(*GOOD)
    assert "no calibration is kept" in str(good)
    assert good.document()["drift"]["word"] == "not calibrated"
    drifted = found(*GOOD, events=[KEPT, MOVED])
    assert (good.exit_code, drifted.exit_code) == (0, 3)
    assert "drift since calibration 1 (240 answers), margin 0.10: drifted" in str(drifted)
    assert drifted.document()["drift"]["labels"]["word"] == "drifted"
    cut = found(*GOOD, unasked=7)
    assert cut.exit_code == 3
    assert "7 answers were not graded again" in str(cut)


def test_a_form_has_a_line_per_answer_and_no_names():
    """Item as in the data file, question and reply; labels are to be filled in."""
    item = playbook.task("a", items={"confirm": 1}).examples[0]
    (row,) = map(
        json.loads, calibrated.form([Drawn(item=item, reply="é")], split="confirm").split("\n")[:1]
    )
    assert row == {"item": "confirm/0", "input": item.input, "reply": "é", "labels": []}


def test_what_is_not_there_is_said():
    """No labels, no answers, no such judge: each with what to do."""
    with pytest.raises(EvidenceMissing, match="escalera judge kind --draw 40"):
        found()
    with pytest.raises(EvidenceMissing, match="escalera eval"):
        calibrated.form([], split="golden")
    project = replace(playbook.project(playbook.task("a")), judges=(PANEL,))
    assert calibrated.panel_of(project, "kind") is PANEL
    with pytest.raises(InputError, match="no judge 'x': this project has"):
        calibrated.panel_of(project, "x")
