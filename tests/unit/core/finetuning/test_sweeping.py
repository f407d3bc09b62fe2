"""Which trial of a sweep goes on, which is stopped, and which has won."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.finetuning import sweeping
from escalera.domain.sweep import LeverTrial


def trial(*scores: float, diverged: bool = False) -> LeverTrial:
    return LeverTrial(values=(1.0,), scores=scores, diverged=diverged)


def test_the_first_trial_is_never_stopped() -> None:
    """Nothing came before it; it ends at its last pause."""
    for many in range(len(sweeping.PAUSES)):
        assert sweeping.verdict(trial(*[0.1] * many), []) == "goes on"
    assert sweeping.verdict(trial(*[0.1] * len(sweeping.PAUSES)), []) == "ended"


def test_a_third_goes_on_and_of_equal_ones_those_before() -> None:
    """Held against what was measured at the same pause, however far that went later."""
    before = [trial(0.5, 0.9), trial(0.3), trial(0.4)]
    assert sweeping.verdict(trial(0.45), before) == "goes on"  # second of four, two go on
    assert sweeping.verdict(trial(0.4), before) == "stopped"
    assert sweeping.verdict(trial(0.6, 0.8), before) == "stopped"  # second of two, one goes on
    assert sweeping.verdict(trial(0.6, 0.95), before) == "goes on"


def test_what_diverged_is_stopped_and_never_wins() -> None:
    """Whatever it scored before."""
    gone = trial(0.9, 0.9, diverged=True)
    assert sweeping.verdict(gone, []) == "stopped"
    assert sweeping.winner([gone]) is None
    assert sweeping.winner([trial(0.1, 0.2, 0.3, 0.4), gone, trial(0.1, 0.1, 0.1, 0.5)]) == 2
    assert sweeping.winner([trial(0.1, 0.2, 0.3, 0.4), trial(0.9, 0.9, 0.9, 0.4)]) == 0


def swept(order: list[int]) -> list[LeverTrial]:
    """Trials whose pauses rank as their ends do."""
    tried: list[LeverTrial] = []
    for rank in order:
        one = trial()
        while sweeping.verdict(one, tried) == "goes on":
            one = trial(*one.scores, float(rank))
        tried.append(one)
    return tried


@given(st.permutations(range(20)))
def test_the_best_always_comes_to_its_end(order: list[int]) -> None:
    """Where pauses rank as ends do; it costs what every trial costs at the most."""
    tried = swept(order)
    assert sweeping.winner(tried) == order.index(19)
    assert 20 * sweeping.PAUSES[0] < sweeping.cost(tried) <= 20.0


def test_a_sweep_of_twenty_costs_a_fraction_of_all_trainings() -> None:
    """On the mean over orders; more where every trial is better than all before it."""
    orders = [random.Random(n).sample(range(20), 20) for n in range(300)]
    mean = sum(sweeping.cost(swept(order)) for order in orders) / 300 / 20
    assert mean <= 0.4
    assert sweeping.cost(swept(list(range(20)))) == 20.0
