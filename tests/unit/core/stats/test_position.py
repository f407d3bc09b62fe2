"""A judge's position bias, read while pairs come."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import betting, position
from escalera.core.stats.position import EVERY, Pair, Plan

FEW = settings(derandomize=True, max_examples=25, deadline=None)
PLAN = Plan(limit=0.1)
GRADES = st.sampled_from([0.0, 0.5, 1.0])


def pairs(count, *, bias=0.0, flips=0.1, seed=1, first=0):
    """Verdicts on answers that win three in five; a share `flips` of them follows the place."""
    chance = np.random.default_rng(seed)
    wins = chance.random(count) < 0.6
    flipped = chance.random(count) < flips
    ahead = chance.random(count) < 0.5 + bias / max(flips, 1e-9)
    shown_first = np.where(flipped, ahead, wins).astype(float)
    shown_second = np.where(flipped, ~ahead, wins).astype(float)
    both = zip(shown_first, shown_second, strict=True)
    return [Pair(first=f, second=s, cluster=first + n) for n, (f, s) in enumerate(both)]


def after(some, plan=PLAN):
    return position.update(position.init(plan), some)


def slowly(some, plan):
    """The words at every reading, each from all biases of its stretch."""
    said, stretch, seen = [], [], set()
    for pair in some:
        if pair.cluster in seen:
            continue
        seen.add(pair.cluster)
        stretch.append((pair.first - pair.second) / 2)
        if len(stretch) % EVERY:
            continue
        found = betting.read(betting.update(betting.init(plan.bets()), stretch)).interval
        if max(abs(found.lower), abs(found.upper)) < plan.limit:
            said.append(("small", len(stretch)))
        elif found.lower > plan.limit or found.upper < -plan.limit:
            said.append(("large", len(stretch)))
        else:
            continue
        stretch, seen = [], set()
    return said


def test_before_the_first_pair_nothing_is_known():
    """Nothing is not small."""
    found = position.init(PLAN)
    assert (found.word, found.rests_on, found.one_order, found.now.pairs) == (
        "open",
        None,
        False,
        0,
    )


def test_a_small_bias_is_called_small_and_one_order_is_enough():
    """After some fifty pairs of a judge that seldom flips."""
    found = after(pairs(200))
    assert found.word == "small"
    assert found.one_order
    assert 40 <= found.rests_on.pairs <= 96
    assert -0.1 < found.rests_on.interval.lower < found.rests_on.interval.upper < 0.1


def test_a_large_bias_is_called_large():
    """Either way round."""
    for bias in (0.25, -0.25):
        found = after(pairs(200, bias=bias, flips=0.55))
        assert (found.word, found.one_order) == ("large", False)


def test_a_bias_at_the_limit_stays_open():
    """The nearest that this can come to a small one."""
    assert after(pairs(400, bias=0.1, flips=0.3)).word == "open"


def test_a_judge_that_only_flips_is_no_judge_for_one_order():
    """Its bias is nothing, and its verdict in one order is noise."""
    found = after(pairs(1500, flips=0.9))
    assert found.word == "small"
    assert not found.one_order
    assert found.rests_on.noise > found.rests_on.spread


def test_a_bias_that_drifts_is_found_by_the_pairs_after_it():
    """A small one for a thousand pairs does not hide a large one in the next two hundred."""
    calm = after(pairs(1000))
    moved = position.update(calm, pairs(200, bias=0.3, flips=0.65, first=5000))
    assert (calm.word, moved.word) == ("small", "large")
    back = position.update(moved, pairs(200, first=9000))
    assert back.one_order


@FEW
@given(
    st.lists(st.tuples(GRADES, GRADES, st.integers(0, 60)), max_size=160),
    st.sampled_from([0.05, 0.2, 0.4]),
)
def test_it_says_what_reading_every_stretch_anew_says(rows, limit):
    """The slow way keeps lists and bets from the beginning at every reading."""
    plan = Plan(limit=limit, alpha=0.2)
    some = [Pair(first=f, second=s, cluster=c) for f, s, c in rows]
    found, said = after(some, plan), slowly(some, plan)
    last = said[-1] if said else ("open", None)
    assert (found.word, found.rests_on and found.rests_on.pairs) == last


@FEW
@given(st.integers(0, 120), st.integers(0, 120))
def test_a_block_is_as_its_pairs_one_by_one(cut, seed):
    """States are equal wherever the pairs are cut."""
    some = pairs(120, bias=0.15, flips=0.4, seed=seed)
    parts = position.update(after(some[:cut]), some[cut:])
    assert parts == after(some)


def test_of_a_cluster_the_first_pair_counts():
    """Copies of a pair make nothing surer, in its stretch."""
    some = pairs(30)
    copies = [replace(pair, first=1.0, second=0.0) for pair in some for _ in range(9)]
    assert after([*some, *copies]) == after(some)


def test_noise_and_spread_are_those_of_the_pairs():
    """The moments that say what one order costs."""
    some = pairs(16, flips=0.5)
    found = after(some).now
    biases = np.array([(p.first - p.second) / 2 for p in some])
    middles = np.array([(p.first + p.second) / 2 for p in some])
    assert found.pairs == 16
    assert math.isclose(found.noise, float((biases**2).mean()))
    assert math.isclose(found.spread, float(middles.var()), abs_tol=1e-12)


@pytest.mark.parametrize("limit", [0.0, 0.5, -0.1, math.nan])
def test_a_limit_outside_its_range_is_refused(limit):
    """With the value and the range."""
    with pytest.raises(ValueError, match=r"must lie between 0 and 0\.5"):
        Plan(limit=limit)


def test_a_grade_off_the_scale_is_refused():
    """It would break the bounds of the bets."""
    with pytest.raises(ValueError, match="must lie in"):
        after([Pair(first=1.5, second=0.0, cluster=1)])
