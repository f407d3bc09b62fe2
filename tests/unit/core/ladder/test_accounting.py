"""The account of errors and of items, over rungs and over climbs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.accounting import account
from escalera.core.ladder.case import Case
from escalera.domain.event import Looked
from escalera.domain.project import Budget
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

A, B = playbook.task("a"), playbook.task("b")
PROJECT = playbook.project(A, B)


def answers(system, item):
    """Prompting is poor at a; its adapter breaks b; so every rung is climbed."""
    if system.adapter is None:
        rate = {"a": 0.3, "b": 0.96}[item.task]
    else:
        rate = {"a": 0.96, "b": 0.3}[item.task]
    return float(luck(item) < rate)


def of(project, events):
    return account(Case(project=project, evidence=fold(events)))


CLIMBED = simulate(PROJECT, answers).events


def test_one_climb_puts_at_risk_what_was_accepted_at_most():
    """Rungs share it, and what is not reached is not spent."""
    found = of(PROJECT, CLIMBED)
    assert 0.01 < found.at_risk <= found.accepted == PROJECT.policy.alpha
    assert not found.overdrawn
    short = simulate(PROJECT, lambda *_: 1.0).events
    assert of(PROJECT, short).at_risk < found.at_risk


def test_nothing_asked_is_nothing_at_risk():
    """An empty journal."""
    found = of(PROJECT, [])
    assert (found.at_risk, found.questions, found.wear) == (0.0, 0, ())


def test_a_moved_bar_is_a_further_question_to_the_same_items():
    """The answers are there, but they are asked again: the account goes on over the change."""
    moved = playbook.project(replace(A, bar=0.6), replace(B, bar=0.6))
    again = simulate(moved, answers, events=CLIMBED).events
    before, after = of(PROJECT, CLIMBED), of(moved, again)
    assert after.questions > before.questions
    assert after.at_risk > before.at_risk
    third = playbook.project(replace(A, bar=0.5), replace(B, bar=0.5))
    last = of(third, simulate(third, answers, events=again).events)
    assert last.overdrawn
    assert last.at_risk > last.accepted


def test_the_same_question_again_is_no_new_question():
    """Another budget is another project, but the same questions of the same answers."""
    raised = playbook.project(A, B, budget=Budget(calls=10**6))
    again = simulate(raised, answers, events=CLIMBED).events
    before, after = of(PROJECT, CLIMBED), of(raised, again)
    assert len(again) > len(CLIMBED)
    assert (after.at_risk, after.questions) == (before.at_risk, before.questions)
    assert after.wear == before.wear


def looked(mode, look, verdict="undecided"):
    """A reading of the first look's question in another mode."""
    first = next(event for event in CLIMBED if isinstance(event, Looked))
    question = replace(first.question, kind="regression", incumbent="old", mode=mode)
    return replace(first, question=question, look=look, verdict=verdict)


def test_a_question_that_is_read_at_any_time_is_charged_once():
    """However often it is read; in another mode it is another question."""
    once = of(PROJECT, [looked("anytime", 1)])
    often = of(PROJECT, [looked("anytime", n) for n in range(1, 6)])
    both = of(PROJECT, [looked("anytime", 1), looked("finite", 1)])
    assert (once.at_risk, once.questions) == (often.at_risk, often.questions)
    assert once.at_risk == looked("anytime", 1).question.alpha
    assert (both.at_risk, both.questions) == (2 * once.at_risk, 2)


def test_wear_counts_questions_per_item():
    """The first items were in every look, and each look could have ended its question."""
    found = of(PROJECT, CLIMBED)
    evidence = fold(CLIMBED)
    for wear in found.wear:
        mine = [looks for looks in evidence.looked.values() if looks[0].question.task == wear.split]
        assert wear.decisions == len(mine)
        assert max(count for _, count in wear.uses) == len(mine)
        assert wear.items == max(looks[-1].figure.n for looks in mine)
    assert {wear.split for wear in found.wear} == {"a", "b"}


@pytest.mark.parametrize("name", ["c", "d"])
def test_a_task_that_is_gone_leaves_its_questions(name):
    """What was asked before it was renamed still counts."""
    renamed = playbook.project(playbook.task(name), B)
    found = of(renamed, simulate(renamed, lambda *_: 1.0, events=CLIMBED).events)
    assert found.questions > of(PROJECT, CLIMBED).questions
