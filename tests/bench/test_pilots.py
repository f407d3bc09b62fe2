"""The bench of pilots chooses, judges and tells, on bases whose curves are known."""

from __future__ import annotations

import numpy as np
import pytest
from bench.pilots import choosing, simulated, tables
from bench.pilots.tables import Outcome

from escalera.core.finetuning import pilots, trainings
from escalera.core.finetuning.data_plan import Planned
from escalera.core.finetuning.pilots import STAY, Standing
from escalera.core.finetuning.trainings import Training

TOPS = {"low": 0.6, "middle": 0.75, "high": 0.95}


def pilot(name: str, plan: Planned) -> Training:
    """A curve without luck."""
    score = TOPS[name] - 1.1 * plan.examples**-0.5
    right = [float(n < 200 * score) for n in range(200)]
    return trainings.of_scores(plan.examples, plan.chain, right)


@pytest.mark.parametrize("choose", [choosing.ours, choosing.one_size, choosing.halving])
def test_every_way_finds_a_base_that_is_far_better_within_a_tenth(choose) -> None:
    """And none of them reads more than it may."""
    choice = choose(list(TOPS), pilot, 2048)
    assert choice.name == "high"
    assert 0.0 < choice.cost <= pilots.SHARE
    stays = choose(list(TOPS), pilot, 2048, Standing(score=0.99, error=0.0))
    assert stays.name == STAY


def test_a_point_below_the_best_is_tied() -> None:
    """And more is wrong."""
    truths = {"a": 0.9, "b": 0.891, "c": 0.88}
    assert [choosing.right(name, truths) for name in truths] == [True, True, False]


def full(chance, levels, items, scatter=0.0):
    """Two full trainings of each base."""
    seeds = np.array([[-scatter / 2], [scatter / 2]])
    return {
        name: (chance.random((2, items)) < level + seeds).astype(float)
        for name, level in levels.items()
    }


def test_bases_are_alike_by_their_items_and_seeds() -> None:
    """A difference on few items is none, the same on many is one, and none where seeds scatter."""
    chance = np.random.default_rng(1)
    levels = {"a": 0.90, "b": 0.86, "c": 0.60}
    for items, scatter, expected in ((150, 0.0, "ab"), (20_000, 0.0, "a"), (20_000, 0.16, "ab")):
        found = choosing.alike(full(chance, levels, items, scatter))
        assert found == frozenset(expected)


def test_a_choice_is_tied_where_full_trainings_do_not_tell() -> None:
    """It is not right then, but nobody could know."""
    chance = np.random.default_rng(1)
    truths = {"a": 0.9, "b": 0.86, "c": 0.60}
    told = [
        Outcome(
            where="here",
            way="pilots",
            choice=choosing.Choice(name="b", cost=0.1),
            truths=truths,
            full=full(chance, truths, items),
        )
        for items in (150, 20_000)
    ]
    assert [one.right for one in told] == [False, False]
    assert [one.tied for one in told] == [True, False]


def test_simulated_bases_rise_and_are_drawn_once() -> None:
    """The same number is the same project; a pilot has its luck, and a full training none."""
    field = simulated.field(3)
    again = simulated.field(3)
    for base in range(simulated.BASES):
        scores = [field.score(base, n) for n in (8, 64, 512, 2048)]
        assert scores == sorted(scores)
        plan = Planned(examples=64, chain=1)
        assert field.pilot(base, plan) == again.pilot(base, plan)
        assert abs(field.full(base).mean() - field.score(base, simulated.POOL)) < 0.04
    assert simulated.field(4).score(0, 64) != field.score(0, 64)


def test_the_page_tells_shares_with_their_intervals() -> None:
    """By place and in all, and whether forecasts held the truth."""
    choice = choosing.ours(list(TOPS), pilot, 2048)
    measured = {name: np.array([[1.0, 0.0], [1.0, 1.0]]) for name in TOPS}
    some = [Outcome(where="here", way="pilots", choice=choice, truths=TOPS, full=measured)]
    text = tables.page(some, some)
    assert "| here | pilots | 1 | 100 % (21 to 100) | 100 % (21 to 100) | 0.00 |" in text
    assert "deviation over seeds of 35.4 points." in text
    assert "| here | 0.600 | 0.750 | 0.950 |" in text
