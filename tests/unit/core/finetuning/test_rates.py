"""Finding the learning rate: what is tried, what is kept, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.finetuning import rates
from escalera.core.finetuning.rates import RateTrial, TriedRate
from escalera.domain.levers import Levers, Trainable

GRID = rates.grid(Trainable(), Levers())


def searched(loss: Callable[[float, float], float]) -> list[TriedRate]:
    """Every trial of a search whose losses are a function of rate and share."""
    tried: list[TriedRate] = []
    while (trial := rates.following(GRID, tried)) is not None:
        tried.append(TriedRate(trial=trial, loss=loss(trial.rate, trial.share)))
    return tried


def test_the_grid_fits_method_and_optimizer() -> None:
    """Nine rates over four decades: lower for own weights, higher for plain gradients."""
    assert len(GRID) == 9
    assert GRID[0] == pytest.approx(1e-5)
    assert GRID[-1] == pytest.approx(1e-1)
    assert rates.grid(Trainable(method="full"), Levers())[0] == pytest.approx(1e-6)
    assert rates.grid(Trainable(), Levers(optimizer="sgd"))[0] == pytest.approx(1e-3)


@pytest.mark.parametrize("place", range(9))
def test_the_best_of_the_grid_is_found(place: int) -> None:
    """Wherever it lies, when short trainings rank as long ones do."""
    best = GRID[place]
    tried = searched(lambda rate, share: abs(math.log10(rate / best)) - share)
    assert rates.chosen(GRID, tried) == best
    assert len(tried) <= 5 + 2 + 3


def test_a_search_costs_less_than_one_training() -> None:
    """The shares of all trials: a tenth of what a grid of nine takes."""
    tried = searched(lambda rate, share: abs(math.log10(rate) + 3) * share)
    total = sum(one.trial.share for one in tried)
    assert total <= 0.9
    assert rates.cost(10_000) == pytest.approx(total, abs=1e-3)


def test_short_trainings_pay_for_the_least_steps_of_a_trial() -> None:
    """Ten trials of four steps are more than a training of twelve."""
    assert rates.steps(rates.FIRST, 12) == rates.steps(rates.LAST, 12) == rates.LEAST_STEPS
    assert rates.cost(12) == pytest.approx(10 * 4 / 12)
    assert rates.steps(rates.LAST, 1000) == 150


def test_longer_trials_overrule_shorter_ones() -> None:
    """What is best after a few steps and worse later is left behind."""
    tried = searched(
        lambda rate, share: (
            0.5 if rate == GRID[6] and share < 0.1 else 1.0 + abs(math.log10(rate / GRID[5]))
        )
    )
    assert rates.chosen(GRID, tried) in GRID[:6]


def test_of_nearly_equal_rates_the_lower_is_taken() -> None:
    """A tenth of the loss is within the luck of a short training."""
    near = {GRID[4]: 1.08, GRID[5]: 1.0}
    assert rates.chosen(GRID, searched(lambda rate, _: near.get(rate, 3.0))) == GRID[4]
    far = {GRID[4]: 1.2, GRID[5]: 1.0}
    assert rates.chosen(GRID, searched(lambda rate, _: far.get(rate, 3.0))) == GRID[5]


def test_longer_trials_follow_what_they_find() -> None:
    """Where a neighbour is better later, what lies behind it is tried, too."""
    tried = searched(
        lambda rate, share: 2.0 + 0.3 * abs(GRID.index(rate) - (6.2 if share == rates.FIRST else 8))
    )
    assert [one.trial.rate for one in tried if one.trial.share == rates.LAST] == list(GRID[6:9])
    assert rates.chosen(GRID, tried) == GRID[8]


@given(st.integers(0, 9))
def test_rates_that_diverge_are_out(many: int) -> None:
    """The best of those that are left; none when all diverge, and nothing more is tried."""
    left = GRID[: 9 - many]
    tried = searched(lambda rate, share: -GRID.index(rate) if rate in left else math.inf)
    assert rates.chosen(GRID, tried) == (left[-1] if left else None)
    assert rates.following(GRID, tried) is None


def test_of_equal_rates_the_lower_is_taken() -> None:
    """It is the safer one."""
    assert rates.chosen(GRID, searched(lambda rate, share: 1.0)) == GRID[0]
    assert rates.following(GRID, []) == RateTrial(rate=GRID[0], share=rates.FIRST)


@pytest.mark.parametrize(("moved", "expected"), [(0.0, 5), (0.15, 5), (0.4, 4), (-0.3, 5)])
def test_a_lowest_point_that_moves_down_is_carried_on(moved: float, expected: int) -> None:
    """From the short trials to the longer ones, and on to the whole training; never up."""

    def loss(rate: float, share: float) -> float:
        lowest = 5.1 if share == rates.FIRST else 5.1 - moved
        return 1.0 + (2.0 * (math.log10(rate) + 5.0) - lowest) ** 2

    assert rates.chosen(GRID, searched(loss)) == GRID[expected]
