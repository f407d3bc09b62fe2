"""Duels: what two prompts need to be compared, and what the comparison says."""

from __future__ import annotations

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder import duelling, editing
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Duel, Evaluate
from escalera.domain.system import Prompt
from escalera.testing import playbook
from escalera.testing.playbook import luck, observed

TASK = playbook.task("a", items={"train": 0, "search": 120, "confirm": 10})
PROJECT = playbook.project(TASK)
TASK = PROJECT.task("a")


def duel(new, old, *, missing=0, again=(), ahead=False):
    """The step after both answered the items of duels at these rates, or without a score."""
    case = Case(project=PROJECT, evidence=fold(()))
    systems = [case.system(TASK, Prompt(system=name)) for name in ("new", "old")]
    for system, rate in zip(systems, (new, old), strict=True):
        for place, item in enumerate(editing.duel_items(TASK)):
            score = None if place < missing else float(luck(item) < rate)
            case.evidence.apply(observed(PROJECT, case.call(system, item), score))
    for event in again:
        case.evidence.apply(event)
    return duelling.step(case, TASK, 1, *systems, ahead=ahead)


def test_both_are_asked_the_same_items():
    """Those that chose neither."""
    case = Case(project=PROJECT, evidence=fold(()))
    systems = [case.system(TASK, Prompt(system=name)) for name in ("new", "old")]
    step = duelling.step(case, TASK, 1, *systems)
    assert isinstance(step, Evaluate)
    assert step.purpose == "duel"
    asked = {(call.system.prompt.system, call.item.id) for call in step.calls}
    items = {item.id for item in editing.duel_items(TASK)}
    assert asked == {(name, item) for name in ("new", "old") for item in items}


@pytest.mark.parametrize(
    ("new", "old", "accepted"),
    [(0.9, 0.5, True), (0.7, 0.7, True), (0.4, 0.8, False)],
)
def test_only_what_is_shown_worse_is_refused(new, old, accepted):
    """A duel of forty items cannot show small gains, so it does not ask for them."""
    step = duel(new, old)
    assert isinstance(step, Duel)
    assert step.event.accepted is accepted
    assert step.event.figure.value == pytest.approx(new - old, abs=0.1)
    assert step.event.figure.n == editing.DUEL_ITEMS


@pytest.mark.parametrize(("new", "accepted"), [(0.9, True), (0.7, False), (0.65, False)])
def test_what_replaces_everything_must_be_ahead(new, accepted):
    """Not by much, but it may not be even."""
    assert duel(new, 0.7, ahead=True).event.accepted is accepted


def test_items_without_a_score_do_not_count_and_none_at_all_says_nothing():
    """A duel without scores refuses nobody."""
    assert duel(0.9, 0.5, missing=10).event.figure.n == editing.DUEL_ITEMS - 10
    found = duel(0.9, 0.5, missing=editing.DUEL_ITEMS).event
    assert (found.figure.lower, found.figure.upper, found.accepted) == (-1.0, 1.0, True)


def test_a_duel_that_was_held_is_not_held_again():
    """It is known by who met whom."""
    held = duel(0.9, 0.5).event
    assert duel(0.9, 0.5, again=(held,)) is held
