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
    assert rates.chosen(tried) == best
    assert len(tried) <= 5 + 2 + 2


def test_a_search_costs_less_than_one_training() -> None:
    """The shares of all trials: a tenth of what a grid of nine takes."""
    tried = searched(lambda rate, share: abs(math.log10(rate) + 3) * share)
    total = sum(one.trial.share for one in tried)
    assert total <= 0.9
    assert rates.cost(10_000) == pytest.approx(total, abs=1e-3)


def test_short_trainings_pay_for_the_least_steps_of_a_trial() -> None:
    """Nine trials of four steps are more than a training of twelve."""
    assert rates.steps(rates.FIRST, 12) == rates.steps(rates.LAST, 12) == rates.LEAST_STEPS
    assert rates.cost(12) == pytest.approx(9 * 4 / 12)
    assert rates.steps(rates.LAST, 1000) == 180


def test_longer_trials_overrule_shorter_ones() -> None:
    """What is best after a few steps and worse later is left behind."""
    tried = searched(
        lambda rate, share: (
            -1.0 if rate == GRID[6] and share < 0.1 else abs(math.log10(rate / GRID[5]))
        )
    )
    assert rates.chosen(tried) == GRID[5]


@given(st.integers(0, 9))
def test_rates_that_diverge_are_out(many: int) -> None:
    """The best of those that are left; none when all diverge, and nothing more is tried."""
    left = GRID[: 9 - many]
    tried = searched(lambda rate, share: -GRID.index(rate) if rate in left else math.inf)
    assert rates.chosen(tried) == (left[-1] if left else None)
    assert rates.following(GRID, tried) is None


def test_of_equal_rates_the_lower_is_taken() -> None:
    """It is the safer one."""
    assert rates.chosen(searched(lambda rate, share: 1.0)) == GRID[0]
    assert rates.following(GRID, []) == RateTrial(rate=GRID[0], share=rates.FIRST)
