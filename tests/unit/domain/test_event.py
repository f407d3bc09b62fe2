"""The events of a whole climb: every kind is there, frozen, and says what time it is by name."""

from __future__ import annotations

import dataclasses
from typing import get_args, get_type_hints

import pytest

from escalera.domain.event import CLOCK_FIELDS, Event, Outcome, StopReason


@pytest.mark.parametrize("kind", get_args(Event))
def test_events_are_frozen_and_slotted(kind):
    """What happened cannot be changed afterwards."""
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)


@pytest.mark.parametrize("kind", get_args(Event))
def test_clock_readings_are_told_by_their_names(kind):
    """A float that is neither a figure nor a rate is a clock reading and named like one."""
    known = {"score", "least", "grade", "statistic", "boundary", "alpha_spent", "rate", "share"}
    known |= {"loss", "coverage", "assured", "margin", "agreement", "live_score"}
    known |= {"candidate_score"}
    hints = get_type_hints(kind)
    floats = {name for name, hint in hints.items() if hint in (float, float | None)}
    assert floats <= CLOCK_FIELDS | known


def test_a_climb_stops_with_an_outcome_or_for_want_of_money():
    """The reasons to stop are the outcomes of a rung, and the budget."""
    assert set(get_args(StopReason)) == {*get_args(Outcome), "budget"}
