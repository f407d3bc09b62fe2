"""The bench of sweeps replays rules of stopping on trainings that are known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from bench.sweeps import __main__ as command

from escalera.core.finetuning.sweeping import PAUSES


def known() -> list[list[list[float]]]:
    """Twenty-four trainings whose pauses rank as their ends do."""
    return [
        [[float(item < (number + 1) * 15 * share**0.2) for item in range(400)] for share in PAUSES]
        for number in range(24)
    ]


def test_a_rule_that_stops_pays_less_and_misses_nothing_where_pauses_rank_as_ends() -> None:
    """The winner is judged on items that did not choose it."""
    curve = np.array(known())
    curve = curve[:, :, np.random.default_rng(0).permutation(400)]
    order = list(range(20))[::-1]
    full, paid = command.sweep(curve, command.in_full, order)
    assert paid == pytest.approx(1.0)
    stopped, less = command.sweep(curve, command.halving(3), order)
    assert stopped == full == pytest.approx(float(curve[19, -1, 200:].mean()))
    assert less < 0.35


def test_the_page_has_a_row_for_every_rule() -> None:
    """With what was paid, and what was missed."""
    text = command.page({"t": known()})
    for rule in command.RULES:
        assert f"| t | 24 | {rule} |" in text
    assert "| every trial in full | 100 % | +0.00 (+0.0 to +0.0) | 100 % |" in text
