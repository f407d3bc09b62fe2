"""How a climb ended, and how far it came."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps.decision import Decision, reached
from escalera.domain.project import Budget
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

POLICY = replace(DECLARED, rungs=("prompt", "examples"))
A = playbook.task("a")


def prompted(rate, **more):
    """How the first rung of a climb ended."""
    project = playbook.project(A, policy=POLICY, **more)
    climbed = simulate(project, lambda _, item: float(luck(item) < rate))
    return reached("prompt", project, climbed.evidence)


@pytest.mark.parametrize(
    ("rate", "outcome", "code"), [(0.97, "adequate", 0), (0.3, "inadequate", 0)]
)
def test_a_decided_rung_has_its_outcome_and_the_words_of_its_tasks(rate, outcome, code):
    """Inadequate is an answer too: the climb may go on."""
    found = prompted(rate)
    assert (found.outcome, found.exit_code) == (outcome, code)
    assert found.sentence.splitlines()[0] == f"Prompt wording: {outcome}"
    assert "bar 0.70" in found.words[0]
    assert found.document == {"rung": "prompt", "outcome": outcome, "words": list(found.words)}


def test_a_rung_that_lacks_evidence_says_so_to_a_pipeline():
    """Near the bar a hundred items are not enough."""
    found = prompted(0.72)
    assert (found.outcome, found.exit_code) == ("undecided", 3)


def test_where_the_climb_stopped_before_the_rung_its_end_is_told():
    """The budget ended: there is no outcome to make up."""
    found = prompted(0.9, budget=Budget(calls=30))
    assert (found.outcome, found.exit_code) == (None, 3)
    assert "budget" in found.words[0]


@pytest.mark.parametrize(
    ("override", "said"),
    [(None, "it passed the gate"), ("until Monday", "past its gate (undecided): until Monday")],
)
def test_what_was_put_into_service_by_hand_is_told(override, said):
    """A climb that serves nothing is not the last word on what answers."""
    gate = "passed" if override is None else "undecided"
    one = {"name": "large@prompt", "in_service": True, "gate": gate, "override": override}
    verdict = {"sentence": "Nothing meets the bar", "reasons": [], "reversal": []}
    document = {"verdict": verdict, "judges": [], "ladder": []}
    told = Decision(document=document | {"promotions": [one]}).explain()
    assert f"In service\n  - large@prompt, put there by hand: {said}" in told
    left = Decision(document=document | {"promotions": [one | {"in_service": False}]}).explain()
    assert "In service" not in left
