"""The public helper for playbooks."""

from __future__ import annotations

import pytest

from escalera.core.ladder import steps
from escalera.domain.event import Observed
from escalera.testing import playbook
from escalera.testing.playbook import Playbook, luck, simulate

TASK = playbook.task("a", items={"train": 4, "search": 20, "confirm": 50})
PROJECT = playbook.project(TASK)


def right(system, item):
    return 1.0


def test_a_playbook_refuses_another_step():
    """With both the wanted and the actual step in the message."""
    with pytest.raises(AssertionError, match=r"Stop must come next, the planner wants Open\("):
        Playbook(PROJECT).expect(steps.Stop)


def test_a_playbook_can_begin_in_the_middle():
    """After the events of a whole climb nothing is asked for."""
    events = simulate(PROJECT, right).events
    assert Playbook(PROJECT, events).next() is None
    assert isinstance(Playbook(PROJECT, events[:1]).next(), steps.Evaluate)


@pytest.mark.parametrize("at_most", [1, 2, 15, 40])
def test_a_simulation_can_be_interrupted_in_the_middle_of_a_step(at_most):
    """The beginning of a whole climb, and the rest of it follows."""
    whole = simulate(PROJECT, right).events
    part = simulate(PROJECT, right, at_most=at_most).events
    assert at_most <= len(part) <= at_most + 8
    assert part == whole[: len(part)]
    assert simulate(PROJECT, right, events=part).events == whole


def test_luck_is_spread_evenly():
    """A rate r is met by r of the items, give or take one."""
    items = TASK.items("confirm")
    for rate in (0.1, 0.5, 0.9):
        assert sum(luck(item) < rate for item in items) == pytest.approx(50 * rate, abs=1)


def test_an_answer_without_a_score_has_a_reason():
    """As the engine records it."""
    events = simulate(PROJECT, lambda system, item: None).events
    asked = [event for event in events if isinstance(event, Observed)]
    assert {(event.score, event.reason) for event in asked} == {(None, "no score")}


def test_tasks_share_the_traffic():
    """Shares add up to 1."""
    project = playbook.project(*(playbook.task(name) for name in "abc"))
    assert sum(task.share for task in project.tasks) == pytest.approx(1.0)
