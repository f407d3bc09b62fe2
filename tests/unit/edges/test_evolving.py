"""Suggestions by CMA-ES: a function of the history, within the ranges, towards what scored."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("cmaes")

from cmaes import CMA

from escalera.domain.sweep import LeverRange, LeverTrial, Sweep
from escalera.edges.evolving import SPREAD, Evolution

SWEEP = Sweep(
    levers=(
        LeverRange(name="weight 1", lowest=0.05, highest=1.5),
        LeverRange(name="weight 2", lowest=0.05, highest=1.5),
    ),
    trials=36,
    seed=5,
    way="evolution",
)
BEGIN = LeverTrial(values=(0.4, 1.2), scores=(0.0,))


def score(values: tuple) -> float:
    return 1.0 - math.dist(values, (1.1, 0.5))


def history(count: int) -> list[LeverTrial]:
    tried = [LeverTrial(values=BEGIN.values, scores=(score(BEGIN.values),))]
    for _ in range(count):
        values = Evolution().suggest(SWEEP, tried, pauses=1)
        tried.append(LeverTrial(values=values, scores=(score(values),)))
    return tried


def test_it_is_the_strategy_of_the_package_told_generation_by_generation() -> None:
    """Though every suggestion begins anew."""
    low, span = 0.05, 1.45
    strategy = CMA(
        mean=(np.array(BEGIN.values) - low) / span,
        sigma=SPREAD,
        bounds=np.array([[0.0, 1.0], [0.0, 1.0]]),
        seed=5,
    )
    wanted = []
    for _ in range(3):
        asked = [strategy.ask() for _ in range(strategy.population_size)]
        strategy.tell([(x, -score(tuple(low + span * x))) for x in asked])
        wanted += [tuple(low + span * x) for x in asked]
    found = [one.values for one in history(len(wanted))[1:]]
    assert np.allclose(found, wanted, atol=1e-9)


def test_the_same_history_leads_to_the_same_values_within_the_ranges() -> None:
    """Nothing is kept between suggestions."""
    tried = history(14)
    assert tried == history(14)
    assert len({one.values for one in tried}) == 15
    for one in tried:
        assert all(0.05 <= value <= 1.5 for value in one.values)
    assert Evolution().suggest(SWEEP, tried[:4], pauses=1) == tried[4].values


def test_later_generations_score_better() -> None:
    """It climbs."""
    tried = history(36)
    early, late = (sum(score(one.values) for one in some) / 6 for some in (tried[1:7], tried[-6:]))
    assert late > early + 0.3


def test_what_was_not_measured_is_the_worst_and_what_lies_outside_is_moved_inside() -> None:
    """Neither is an error."""
    tried = [LeverTrial(values=(2.0, 0.0), scores=(0.2,)), *history(6)[1:]]
    tried[3] = LeverTrial(values=tried[3].values)
    found = Evolution().suggest(SWEEP, tried, pauses=1)
    assert all(0.05 <= value <= 1.5 for value in found)
