"""Halving schedules stay within budget and choose deterministically."""

import math

import numpy as np
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


def test_the_following_round_begins_as_the_schedule_does() -> None:
    """With everything left it is the first round; the calls of arms that left are shared."""
    assert halving.following(arms=8, calls=240) == halving.schedule(arms=8, calls=240)[0]
    assert halving.following(arms=2, calls=160) == halving.Round(arms=2, new_items=80, survivors=1)
    assert halving.following(arms=2, calls=160, pool=30) == halving.Round(
        arms=2, new_items=30, survivors=1
    )
    assert halving.following(arms=1, calls=99) is None
    assert halving.following(arms=4, calls=0) == halving.Round(arms=4, new_items=0, survivors=2)


@given(
    arms=st.integers(1, 40),
    calls=st.integers(0, 2000),
    pool=st.integers(0, 200),
    leaving=st.integers(0, 3),
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_rounds_end_within_budget_and_pool(arms: int, calls: int, pool: int, leaving: int) -> None:
    """However many leave early: one arm remains, and nothing is overspent."""
    left, items = calls, pool
    while (one := halving.following(arms=arms, calls=left, pool=items)) is not None:
        left, items = left - one.calls, items - one.new_items
        assert left >= 0
        assert items >= 0
        assert one.survivors < arms
        arms = max(1, one.survivors - leaving)
    assert arms == 1


def test_contenders_are_survivors_that_are_not_clearly_behind() -> None:
    """Nine of ten items lost to the leader is clear, one of ten is not; the better half stays."""
    leader = [1.0] * 10
    near = [0.0] + [1.0] * 9
    far = [1.0] + [0.0] * 9
    assert halving.contenders([far, leader, near, far], keep=4) == (1, 2)
    assert halving.contenders([near, leader, near, far], keep=2) == (0, 1)
    assert halving.contenders([near, near], keep=2) == (0, 1)


def test_contenders_are_as_the_formula_has_it() -> None:
    """One item: the variance is 1/4, and a whole point is 2 standard errors: nobody leaves."""
    assert halving.contenders([[0.0], [1.0]], keep=2) == (0, 1)
    lead = np.array([0.9, 0.8, 1.0, 0.9])
    error = math.sqrt((0.25 + ((lead - lead.mean()) ** 2).sum()) / 4 / 4)
    assert lead.mean() / error > halving.BEHIND
    assert halving.contenders([[0.0] * 4, lead.tolist()], keep=2) == (1,)


def test_clear_losers_that_leave_early_help_the_best() -> None:
    """Two good arms among twelve: with the same budget the better one is found more often."""
    rng, runs = np.random.default_rng(60), 400
    rates = np.array([0.8, 0.75] + [0.05] * 10)
    right = {"plain": 0, "early": 0}
    for _ in range(runs):
        answers = 0.7 * rng.random(400) + 0.3 * rng.random((12, 400))
        scores = (answers < rates[:, None]).astype(float)
        for name in right:
            right[name] += _raced(scores, early=name == "early") == 0
    assert right["early"] > right["plain"]


def _raced(scores: np.ndarray, *, early: bool) -> int:
    """The winner of halving with 20 calls per arm."""
    alive, seen, left = list(range(len(scores))), 0, 20 * len(scores)
    while (one := halving.following(arms=len(alive), calls=left)) is not None:
        seen, left = seen + one.new_items, left - one.calls
        found = scores[alive, :seen]
        if early:
            kept = halving.contenders(found.tolist(), keep=one.survivors)
        else:
            kept = halving.survivors(found.mean(axis=1).tolist(), keep=one.survivors)
        alive = [alive[i] for i in kept]
    return alive[0]


def test_bad_contenders_are_refused() -> None:
    """Nothing seen, different numbers of items, no arms and negative budgets raise."""
    for scores in ([], [[]], [[1.0], [1.0, 0.0]]):
        with pytest.raises(ValueError, match="no common items"):
            halving.contenders(scores, keep=1)
    for arms, calls, pool in ((0, 5, None), (2, -1, None), (2, 5, -1)):
        with pytest.raises(ValueError, match="at least one arm"):
            halving.following(arms=arms, calls=calls, pool=pool)
