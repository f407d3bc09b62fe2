"""Arms leave a few at a time, within the budget, and the best is found more often."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from escalera.core.stats import halving, rejects


def rounds(arms: int, calls: int, pool: int | None = None) -> list[halving.Round]:
    """Every round where nobody leaves before it must."""
    found, seen, left, items = [], 0, calls, pool
    while one := rejects.following(arms=arms, seen=seen, calls=left, pool=items):
        found.append(one)
        seen, left, arms = seen + one.new_items, left - one.calls, one.survivors
        items = None if items is None else items - one.new_items
    return found


def test_thirty_two_arms_worked_example() -> None:
    """C = 640 / (1 + ln 16) = 169.6: all go on up to five items, and 28 after six."""
    found = rounds(32, 640)
    share = 640 / (1 + math.log(16))
    assert found[0] == halving.Round(arms=32, new_items=rejects.FIRST, survivors=32)
    assert [(one.arms, one.new_items) for one in found[1:4]] == [(32, 1)] * 3
    assert [one.survivors for one in found[1:4]] == [32, 32, math.floor(share / 6)]
    assert found[-1].survivors == 1


@pytest.mark.parametrize(("arms", "calls"), [(2, 40), (5, 100), (32, 640), (100, 2_000)])
def test_the_schedule_spends_what_there_is(arms: int, calls: int) -> None:
    """Never more, and all but a twentieth."""
    spent = sum(one.calls for one in rounds(arms, calls))
    assert 0.95 * calls <= spent <= calls


@given(
    arms=st.integers(1, 60),
    calls=st.integers(0, 3000),
    pool=st.none() | st.integers(0, 200),
    leaving=st.integers(0, 3),
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_rounds_end_within_budget_and_pool(arms, calls, pool, leaving) -> None:
    """However many leave early: one arm remains, and nothing is overspent."""
    seen, left, items = 0, calls, pool
    while one := rejects.following(arms=arms, seen=seen, calls=left, pool=items):
        seen, left = seen + one.new_items, left - one.calls
        items = None if items is None else items - one.new_items
        assert left >= 0
        assert items is None or items >= 0
        assert one.arms == arms >= one.survivors >= 1
        assert one.new_items or one.survivors == 1
        arms = max(1, one.survivors - leaving)
    assert arms == 1


def test_two_arms_share_everything_that_is_left() -> None:
    """Neither has to leave before the calls are spent."""
    found = rounds(2, 41)
    assert sum(one.new_items for one in found) == 20
    assert [one.survivors for one in found] == [2] * (len(found) - 1) + [1]


def test_without_calls_or_items_one_is_chosen() -> None:
    """By what was seen; a single arm needs no round."""
    end = halving.Round(arms=4, new_items=0, survivors=1)
    assert rejects.following(arms=4, seen=9, calls=3) == end
    assert rejects.following(arms=4, seen=9, calls=99, pool=0) == end
    assert rejects.following(arms=1, seen=0, calls=99) is None


@pytest.mark.parametrize(
    "given_",
    [
        {"arms": 0, "seen": 0, "calls": 1},
        {"arms": 2, "seen": -1, "calls": 1},
        {"arms": 2, "seen": 0, "calls": -1},
        {"arms": 2, "seen": 0, "calls": 1, "pool": -1},
    ],
)
def test_impossible_numbers_are_refused(given_) -> None:
    """With the offending values."""
    with pytest.raises(ValueError, match="at least one arm"):
        rejects.following(**given_)


def test_the_best_is_found_more_often_than_by_halving_where_items_are_shared() -> None:
    """32 arms that fail on the same hard items, right or wrong, with 20 calls per arm."""
    rng, runs = np.random.default_rng(61), 300
    rates = np.array([0.65] + [0.5] * 8 + [0.3] * 23)
    right = {"halving": 0, "rejects": 0}
    for _ in range(runs):
        order = rng.permutation(32)
        latent = 0.9 * rng.normal(size=400) + math.sqrt(0.19) * rng.normal(size=(32, 400))
        scores = (latent < special.ndtri(rates[order])[:, None]).astype(float)
        for name in right:
            right[name] += order[_raced(scores, halves=name == "halving")] == 0
    assert right["rejects"] > right["halving"] + 0.02 * runs


def _raced(scores: np.ndarray, *, halves: bool) -> int:
    """The winner with 20 calls per arm; whoever is clearly behind leaves early."""
    alive, seen, left = list(range(len(scores))), 0, 20 * len(scores)
    while True:
        one = (
            halving.following(arms=len(alive), calls=left)
            if halves
            else rejects.following(arms=len(alive), seen=seen, calls=left)
        )
        if one is None:
            return alive[0]
        seen, left = seen + one.new_items, left - one.calls
        kept = halving.contenders(list(scores[alive, :seen]), keep=one.survivors)
        alive = [alive[i] for i in kept]
