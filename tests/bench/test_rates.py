"""The bench of learning rates tells what was missed, what it cost, and what luck excuses."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from bench.training import rate_tables, rates

CELL = {
    "task": "t",
    "way": "w",
    "fresh": False,
    "steps": 100,
    "grid": [1e-4, 1e-3, 1e-2],
    "shares": [[], [0.80, 0.82], [0.50]],
    "found": 1e-3,
    "at_found": [0.80, 0.82],
    "cost": 0.09,
    "trials": 10,
}
MISSED = CELL | {"found": 1e-2, "at_found": [0.70, 0.74], "fresh": True, "cost": 0.11}


def test_what_is_missed_is_a_share_of_the_best() -> None:
    """The best is the highest mean over all seeds."""
    assert rate_tables.best_of(CELL) == 1
    assert rate_tables.loss(CELL) == pytest.approx(0.0)
    assert rate_tables.loss(MISSED) == pytest.approx(0.09 / 0.81)
    assert not rate_tables.excused(MISSED, 0.01)
    assert rate_tables.excused(MISSED, 0.06)


def test_the_page_counts_cells_within_the_aim() -> None:
    """Those of fresh ways apart, and costs above the aim."""
    text = rate_tables.page([CELL, MISSED])
    assert "**1 of 2** cells" in text
    assert "settled: **0 of 1**" in text
    assert "settled" not in rate_tables.page([CELL])
    assert "at most 10 % in **1 of 2** cells" in text
    assert "| t | w | 100 | 0.001 | 0.810 | 0.001 | 0.810 | 0.0 % | 9.0 % |" in text


def test_the_grid_is_trained_from_above_until_little_is_learned() -> None:
    """Rates near the best with every seed."""
    asked = []

    def shares_at(rate: float, seeds) -> list[float]:
        asked.append((rate, len(seeds)))
        return [{5: 0.0, 4: 0.9, 3: 0.88, 2: 0.3, 1: 0.1}[rate]] * len(seeds)

    found = rates._grid([1, 2, 3, 4, 5], shares_at)
    assert found == [[], [0.3], [0.88, 0.88], [0.9, 0.9], [0.0]]
    assert (1, 1) not in asked
