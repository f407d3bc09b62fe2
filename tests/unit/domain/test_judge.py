"""Judges and labels as values."""

from __future__ import annotations

import pytest

from escalera.domain.identity import canonical, digest_of
from escalera.domain.judge import PREFIX, Judge, Label, Panel, Scale, answer_digest
from escalera.domain.message import Decoding


def judge(**changed):
    given = {
        "kind": "rubric",
        "model": "large",
        "revision": "r1",
        "rubric": "Is right.",
        "scale": Scale(lowest=1, highest=5),
        "reference": True,
        "decoding": Decoding(),
        "wording": "w",
    }
    return Judge(**(given | changed))


def test_a_grade_is_a_place_on_the_scale():
    """The ends are 0 and 1, whatever they are called."""
    assert [Scale(lowest=1, highest=5).place(n) for n in (1, 2, 5)] == [0.0, 0.25, 1.0]


def test_comparisons_are_made_in_both_orders():
    """And a rubric in none."""
    assert judge().orders == ("alone",)
    assert judge(kind="pairwise").orders == ("first", "second")


def test_a_panel_counts_its_grades_and_names_its_scorer():
    """Two judges, three repeats, one of them in both orders."""
    panel = Panel(name="p", judges=(judge(), judge(kind="pairwise")), repeats=3)
    assert panel.grades == 9
    assert panel.models == ("large",)
    assert panel.scorer.startswith(f"{PREFIX}p@")


def test_how_many_second_orders_are_asked_leaves_projects_of_before_what_they_were():
    """The defaults are written without them; a share changes no scorer, a vote does."""
    panel = Panel(name="p", judges=(judge(kind="pairwise"),))
    shared = Panel(name="p", judges=(judge(kind="pairwise"),), second_order=0.5)
    voted = Panel(name="p", judges=(judge(kind="pairwise"),), combine="vote")
    assert "second_order" not in canonical(panel).decode()
    assert digest_of(panel) != digest_of(shared)
    assert panel.scorer == shared.scorer != voted.scorer
    assert (panel.spares, voted.spares) == (True, False)
    assert not Panel(name="p", judges=(judge(),)).spares


def test_in_a_vote_a_label_is_a_voice():
    """From the same grade on as the judges'; a mean, and a comparison, take it as it is."""
    votes = Panel(name="p", judges=(judge(),), combine="vote", passing=4)
    assert [votes.counted(score) for score in (0.0, 0.5, 0.75, 1.0)] == [0.0, 0.0, 1.0, 1.0]
    assert Panel(name="p", judges=(judge(),)).counted(0.5) == 0.5
    pairs = Panel(name="p", judges=(judge(kind="pairwise"),), combine="vote")
    assert pairs.counted(0.5) == 0.5


def test_a_label_is_the_mean_of_its_people_and_finds_its_answer():
    """By the text that was graded."""
    label = Label(item="a/1", reply="yes", scores=(0.5, 1.0), probability=0.2)
    assert label.score == pytest.approx(0.75)
    assert answer_digest("yes") == answer_digest("yes")
    assert answer_digest("yes") != answer_digest("yes ")


def test_a_margin_of_drift_leaves_projects_of_before_what_they_were():
    """The default is written without it; it is no part of the scorer."""
    panel = Panel(name="kind", judges=(judge(),))
    other = Panel(name="kind", judges=(judge(),), max_drift=0.2)
    assert digest_of(panel) == digest_of(Panel(name="kind", judges=(judge(),), max_drift=0.1))
    assert digest_of(panel) != digest_of(other)
    assert panel.scorer == other.scorer
