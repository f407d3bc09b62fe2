"""Sentences of verdicts."""

from __future__ import annotations

import dataclasses

import pytest

from escalera.core.ladder import words
from escalera.core.ladder.confirm import Standing
from escalera.domain.event import Looked
from escalera.domain.verdict import Figure, Question
from escalera.testing import playbook


def looked(value, *, kind="adequacy", n=100, bar=0.7):
    return Looked(
        question=Question(
            kind=kind, task="a", candidate="c", incumbent=None, threshold=bar, alpha=0.05
        ),
        look=1,
        looks=1,
        figure=Figure(value=value, lower=max(value - 0.1, 0), upper=1.0, n=n, clusters=n),
        statistic=0.0,
        boundary=2.0,
        alpha_spent=0.05,
        verdict="undecided",
        passed=False,
        settled=True,
        unscored=0,
    )


def test_figures_have_their_intervals_and_differences_their_signs():
    """No number without what it is worth."""
    found = Figure(value=0.611, lower=0.56, upper=0.664, n=10, clusters=10)
    assert words.figure(found) == "0.61 [0.56, 0.66]"
    assert words.difference(found) == "+0.61 [+0.56, +0.66]"


@pytest.mark.parametrize(
    ("parts", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_parts_are_joined_as_in_a_sentence(parts, said):
    """None, one, two, three."""
    assert words.joined(parts) == said


def test_the_items_needed_are_told():
    """More the nearer to the bar, at least one, and none where nothing would settle it."""
    near, far = words.items_needed(looked(0.72)), words.items_needed(looked(0.8))
    assert near.startswith("about ")
    assert int(near.split()[1]) > 10 * int(far.split()[1]) > 0
    assert "if 0.72 is the true score" in near
    assert words.items_needed(looked(0.9, n=5000)).startswith("about 1 more")
    assert "at the bar" in words.items_needed(looked(0.7))


@pytest.mark.parametrize("found", [looked(0.0), looked(1.0), looked(0.1, kind="regression")])
def test_without_a_rate_to_plan_with_no_number_is_made_up(found):
    """Nothing right, everything right, or a difference."""
    assert words.items_needed(found) == "more `confirm` items are needed"


def test_a_judged_figure_says_what_it_rests_on():
    """On the judge alone, or on people's labels; nothing is added where a rule scores."""
    task = playbook.task("a")

    def said(**changed):
        adequacy = dataclasses.replace(looked(0.8), **changed)
        return words.standing(
            Standing(task=task, adequacy=adequacy, regression=None, identical=False)
        )

    plain = said()
    assert said(basis="judge", labels=12) == f"{plain} (by the judge alone: 12 labels)"
    alone = Figure(value=0.911, lower=0.9, upper=0.92, n=100, clusters=100)
    corrected = said(basis="corrected", labels=40, judge=alone)
    assert corrected == f"{plain} (corrected by 40 labels, the judge alone says 0.91)"


def test_items_without_a_score_are_what_is_told_first():
    """A scorer that always fails is not mended by more items; some gaps are told beside them."""
    none = dataclasses.replace(looked(0.0, n=0), unscored=400)
    assert words.figure(none.figure) == "no score"
    assert words.items_needed(none).startswith("none of 400 items has a score")
    some = words.items_needed(dataclasses.replace(looked(0.72), unscored=7))
    assert some.startswith("about ")
    assert some.endswith("; 7 items have no score, of which `escalera eval` says why")
    held = words.items_needed(dataclasses.replace(looked(0.9), unscored=7))
    assert held == (
        "7 items have no score, of which `escalera eval` says why, and what they are worth could "
        "change it"
    )
