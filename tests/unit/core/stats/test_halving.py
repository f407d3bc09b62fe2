"""Halving schedules stay within budget and choose deterministically."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import halving


def test_eight_arms_worked_example() -> None:
    """Eight arms and 240 calls: three rounds of 80 calls with 10, 20 and 40 new items."""
    found = halving.schedule(arms=8, calls=240)
    assert [(r.arms, r.new_items, r.survivors) for r in found] == [
        (8, 10, 4),
        (4, 20, 2),
        (2, 40, 1),
    ]
    assert sum(r.calls for r in found) == 240


@given(arms=st.integers(1, 70), extra=st.integers(0, 3000), pool=st.integers(1, 200))
@settings(derandomize=True, max_examples=80, deadline=None)
def test_budget_pool_and_rounds_are_respected(arms: int, extra: int, pool: int) -> None:
    """Never more calls than the budget or items than the pool; one arm remains."""
    calls = arms * max(1, math.ceil(math.log2(arms))) + extra
    found = halving.schedule(arms=arms, calls=calls, pool=pool)
    assert sum(r.calls for r in found) <= calls
    assert sum(r.new_items for r in found) <= pool
    assert len(found) == (math.ceil(math.log2(arms)) if arms > 1 else 0)
    left = arms
    for one in found:
        assert (one.arms, one.survivors) == (left, math.ceil(left / 2))
        left = one.survivors
    assert left == 1


def test_survivors_break_ties_by_position() -> None:
    """Equal means keep the earlier arm; survivors come in ascending order."""
    assert halving.survivors([0.5, 0.9, 0.5, 0.5], keep=2) == (0, 1)
    assert halving.survivors([0.1, 0.2, 0.3], keep=3) == (0, 1, 2)


def test_bad_schedules_are_refused() -> None:
    """Too few calls, no arms, missing means and impossible numbers to keep raise."""
    with pytest.raises(ValueError, match="need at least 24 calls"):
        halving.schedule(arms=8, calls=23)
    for arms, calls, pool in ((0, 5, None), (2, -1, None), (2, 5, 0)):
        with pytest.raises(ValueError, match="at least one arm"):
            halving.schedule(arms=arms, calls=calls, pool=pool)
    with pytest.raises(ValueError, match="cannot keep"):
        halving.survivors([0.1], keep=2)
    with pytest.raises(ValueError, match="position 1"):
        halving.survivors([0.1, math.nan], keep=1)
