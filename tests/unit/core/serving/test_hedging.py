"""The budget of second calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.serving.hedging import HedgeBudget, HedgePolicy


@given(st.lists(st.booleans(), max_size=500), st.floats(0.01, 0.5))
def test_second_calls_are_at_most_their_share(wishes: list[bool], most: float) -> None:
    """Of n calls at most n times the share, and the first one more."""
    budget = HedgeBudget(HedgePolicy(after=0.1, most=most))
    taken = 0
    for wish in wishes:
        budget.asked()
        taken += wish and budget.take()
    assert taken <= 1 + most * len(wishes)


def test_a_long_quiet_time_saves_up_no_more_than_the_burst() -> None:
    """A bad minute cannot double the traffic because the day was good."""
    budget = HedgeBudget(HedgePolicy(after=0.1, most=0.5, burst=3.0))
    for _ in range(1000):
        budget.asked()
    assert [budget.take() for _ in range(5)] == [True, True, True, False, False]
