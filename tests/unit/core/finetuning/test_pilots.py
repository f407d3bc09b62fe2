"""Which base to finetune: forecasts, what one more pilot is worth, and when to stop."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from escalera.core.finetuning import pilots
from escalera.core.finetuning.data_plan import Planned, Prices
from escalera.core.finetuning.pilots import STAY, Base, Standing, Terms
from escalera.core.finetuning.trainings import Training, of_scores
from escalera.errors import InputError

POOL = 2048
TERMS = Terms(pool=POOL)
NOW = Standing(score=0.5, error=0.03)


def score(top: float, examples: int) -> float:
    return top - 1.2 * examples**-0.5


def pilot(top: float, plan: Planned) -> Training:
    """Two hundred items, of which the easiest are right."""
    right = np.arange(200) / 200 < score(top, plan.examples)
    return of_scores(plan.examples, plan.chain, right.astype(float).tolist())


def base(name: str, top: float, **changed: object) -> Base:
    opened = tuple(pilot(top, plan) for plan in pilots.opening(POOL))
    return replace(Base(name=name, pilots=opened), **changed)


def test_every_base_begins_with_the_three_smallest_sizes() -> None:
    """Nested halves of the examples; too few of them are refused."""
    assert pilots.sizes(POOL) == (16, 32, 64, 128, 256, 512, 1024, 2048)
    assert [(plan.examples, plan.chain) for plan in pilots.opening(POOL)] == [
        (16, 1),
        (32, 1),
        (64, 1),
    ]
    with pytest.raises(InputError, match="gather at least 16"):
        pilots.sizes(15)


def test_the_opening_of_512_examples_or_more_keeps_to_the_share() -> None:
    """Of fewer it may not, since a pilot has four examples at the least."""
    for pool in (512, 700, 1023, 1024, 5000):
        read = sum(plan.examples for plan in pilots.opening(pool))
        assert read <= pilots.SHARE * pool, pool
    assert sum(plan.examples for plan in pilots.opening(511)) > pilots.SHARE * 511


def test_the_better_base_comes_first_with_a_forecast_that_holds_its_score() -> None:
    """Options are ordered by utility, and chances add up to one."""
    found = pilots.options([base("low", 0.75), base("high", 0.95)], NOW, TERMS)
    assert [option.name for option in found] == ["high", "low", STAY]
    assert sum(option.best for option in found) == pytest.approx(1.0)
    assert found[0].best > found[1].best > found[2].best
    low, high = found[0].interval
    assert low < score(0.95, POOL) < high


def test_staying_wins_where_no_base_is_worth_its_price() -> None:
    """A base that is better by less than it costs is left."""
    terms = Terms(pool=POOL, worth=100.0)
    dear = base("dear", 0.9, price=60.0)
    assert pilots.options([dear], NOW, terms)[0].name == STAY
    cheap = replace(dear, price=5.0)
    assert pilots.options([cheap], NOW, terms)[0].name == "dear"
    without_money = pilots.options([dear], NOW, TERMS)
    assert without_money[0].name == "dear"
    assert without_money[0].price == 0.0


def test_of_equal_answers_the_one_that_changes_nothing_comes_first() -> None:
    """A tie is no reason to change."""
    one = base("one", 0.9)
    expected = pilots.options([one], NOW, TERMS)[0].score
    assert pilots.options([one], replace(NOW, score=expected), TERMS)[0].name == STAY


def test_a_pilot_is_worth_what_a_simulation_of_it_gains() -> None:
    """The closed form against draws of the new forecast."""
    bases = [base("a", 0.9), base("b", 0.88)]
    found = {option.name: option for option in pilots.options(bases, NOW, TERMS)}
    following = pilots.following(bases, NOW, TERMS)
    assert following.base is not None
    assert following.plan is not None
    own = found[following.base]
    other = max(o.utility for name, o in found.items() if name != following.base)
    best = max(own.utility, other)
    moved = np.random.default_rng(0).normal(size=400_000)

    def gain(deviation: float) -> float:
        return float(np.maximum(own.utility + deviation * moved, other).mean() - best)

    # the worth lies between no news and all news
    assert 0.0 < following.worth <= gain(own.deviation) + 1e-3
    low, high = 0.0, own.deviation
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if gain(middle) < following.worth else (low, middle)
    z = -abs(own.utility - other) / low
    closed = low * (
        math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) + z * 0.5 * math.erfc(-z / math.sqrt(2))
    )
    assert closed == pytest.approx(following.worth, rel=0.02)


def test_no_pilot_is_run_that_costs_more_than_it_is_worth() -> None:
    """In money: the same question with dear pilots ends at once."""
    terms = Terms(pool=POOL, worth=100.0, share=None)
    cheap = [base("a", 0.9, prices=Prices(fixed=0.01, per_example=1e-5)), base("b", 0.88)]
    cheap[1] = replace(cheap[1], prices=cheap[0].prices)
    following = pilots.following(cheap, NOW, terms)
    assert following.base is not None
    assert following.worth > following.price > 0.0
    dear = [replace(one, prices=Prices(fixed=50.0, per_example=0.0)) for one in cheap]
    ended = pilots.following(dear, NOW, terms)
    assert (ended.base, ended.reason) == (None, "nothing is worth its price")


def test_pilots_read_no_more_than_their_share_and_the_last_are_left_behind() -> None:
    """Of eight bases four go on to the next size, then two: successive halving."""
    tops = {f"base {n}": 0.97 - 0.01 * n for n in range(8)}
    done = {name: list(base(name, top).pilots) for name, top in tops.items()}
    ended = None
    while ended is None:
        bases = [Base(name=name, pilots=tuple(some)) for name, some in done.items()]
        following = pilots.following(bases, NOW, TERMS)
        if following.base is None or following.plan is None:
            ended = following
        else:
            done[following.base].append(pilot(tops[following.base], following.plan))
    assert ended.reason == "budget"
    assert sum(one.examples for some in done.values() for one in some) <= 0.1 * 8 * POOL
    further = [name for name, some in done.items() if max(t.examples for t in some) > 64]
    assert further
    assert set(further) <= {f"base {n}" for n in range(4)}


def test_what_knowing_all_is_worth_is_a_bound_and_falls_with_what_is_known() -> None:
    """The expected value of perfect information, against draws."""
    found = pilots.options([base("a", 0.9), base("b", 0.88)], NOW, TERMS)
    drawn = np.random.default_rng(1).normal(
        [o.utility for o in found], [o.deviation for o in found], size=(400_000, 3)
    )
    expected = drawn.max(axis=1).mean() - found[0].utility
    assert pilots.regret(found, None) == pytest.approx(expected, abs=1e-3)
    assert pilots.following([base("a", 0.9), base("b", 0.88)], NOW, TERMS).worth <= expected + 1e-3
    sure = [replace(option, deviation=0.0) for option in found]
    assert pilots.regret(sure, None) == pytest.approx(0.0, abs=1e-3)


def test_the_score_at_which_another_answer_would_do_as_well() -> None:
    """Its utility at that score is the best one's."""
    terms = Terms(pool=POOL, worth=100.0)
    found = pilots.options([base("a", 0.9, price=3.0), base("b", 0.8, price=1.0)], NOW, terms)
    best, other = found[0], found[1]
    at = pilots.break_even(other, best, 100.0)
    assert 100.0 * at - other.price == pytest.approx(best.utility)
