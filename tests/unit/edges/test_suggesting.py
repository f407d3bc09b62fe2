"""Suggestions by Optuna: a function of the history, within the ranges, towards what scored."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("optuna")

from escalera.domain.sweep import LeverRange, LeverTrial, Sweep
from escalera.edges.suggesting import Parzen

SWEEP = Sweep(
    levers=(
        LeverRange(name="learning_rate", lowest=1e-5, highest=1e-1),
        LeverRange(name="rank", choices=(4, 8, 16)),
    ),
    trials=40,
    seed=5,
)


def score(values: tuple) -> float:
    return 1.0 - 0.2 * abs(math.log10(values[0]) + 3) - (0.1 if values[1] == 4 else 0.0)


def history(count: int, *, pauses: int = 2) -> list[LeverTrial]:
    """Trials that came to so many of two pauses."""
    tried: list[LeverTrial] = []
    for _ in range(count):
        values = Parzen().suggest(SWEEP, tried, pauses=2)
        scores = (score(values) / 2, score(values))[:pauses]
        tried.append(LeverTrial(values=values, scores=scores))
    return tried


def test_the_same_history_leads_to_the_same_values_within_the_ranges() -> None:
    """Nothing is kept between suggestions."""
    tried = history(12)
    assert tried == history(12)
    assert len({one.values for one in tried}) == 12
    for one in tried:
        assert 1e-5 <= one.values[0] <= 1e-1
        assert one.values[1] in (4, 8, 16)
    assert Parzen().suggest(SWEEP, tried[:3], pauses=2) == tried[3].values


@pytest.mark.parametrize("pauses", [1, 2])
def test_later_suggestions_score_better_than_those_at_random(pauses: int) -> None:
    """The scores are looked at, also where all trials wait at their first pause."""
    tried = history(40, pauses=pauses)
    early = sum(score(one.values) for one in tried[:8]) / 8
    late = sum(score(one.values) for one in tried[-12:]) / 12
    assert late > early + 0.02


def test_trials_that_stopped_diverged_or_lie_outside_are_told_too() -> None:
    """None of them is an error."""
    tried = [
        LeverTrial(values=(1.0, 64), scores=(0.1, 0.2)),
        LeverTrial(values=(1e-2, 8), scores=(0.1,)),
        LeverTrial(values=(1e-1, 8), diverged=True),
    ]
    rate, rank = Parzen().suggest(SWEEP, tried, pauses=2)
    assert 1e-5 <= rate <= 1e-1
    assert rank in (4, 8, 16)


def test_no_combination_comes_twice_while_there_is_another() -> None:
    """Of a few values to choose from, an estimator likes to suggest the same again."""
    few = Sweep(
        levers=(
            LeverRange(name="method", choices=("lora", "full")),
            LeverRange(name="rank", choices=(4, 16, 64)),
        ),
        trials=8,
        seed=7,
    )
    tried = [LeverTrial(values=("lora", 16), scores=(0.9,))]
    for _ in range(3):
        tried.append(LeverTrial(values=Parzen().suggest(few, tried, pauses=1), scores=(0.2,)))
    assert len({one.values for one in tried}) == few.combinations == 4
    assert [one.values[0] for one in tried].count("full") == 1
    assert Parzen().suggest(few, tried, pauses=1) in {one.values for one in tried}
    assert SWEEP.combinations is None
