"""The bench of sweeps replays rules of sweeps on trainings that are known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

from bench.sweeps import __main__ as command
from bench.sweeps.curves import Board, Curve

from escalera.core.finetuning.sweeping import PAUSES

ORDER = list(range(20))[::-1]


def known() -> Board:
    """Twenty-four trainings whose pauses rank as their ends do."""
    right = np.array(
        [
            [
                [float(item < (number + 1) * 15 * share**0.2) for item in range(400)]
                for share in PAUSES
            ]
            for number in range(24)
        ]
    )[:, :, np.random.default_rng(0).permutation(400)]
    losses = [[3.0 - 0.1 * number] * 4 for number in range(24)]
    return Board.of(
        Curve(right=row.tolist(), losses=[told[: place + 1] for place in range(4)])
        for row, told in zip(right, losses, strict=True)
    )


def test_a_board_has_items_that_choose_and_fresh_ones() -> None:
    """And the losses of late at every pause."""
    board = known()
    both = (board.score(23, -1) + board.fresh(23)) / 2
    assert both == pytest.approx(24 * 15 / 400)
    assert board.score(3, 1) == pytest.approx(sum(board.chosen(3, 1)) / 200)
    assert board.loss(3, 1) == pytest.approx(2.7)


@pytest.mark.parametrize(
    "name",
    [
        "one by one, one in 3 (Escalera before)",
        "Optuna, successive halving by 2",
        "rounds by score: 10, 5, 3 of 20 go on",
        "rounds within a share (Escalera)",
    ],
)
def test_a_rule_pays_less_and_misses_nothing_where_pauses_rank_as_ends(name: str) -> None:
    """The winner is that of full trainings, for a part of what they cost."""
    board = known()
    full, paid = command.in_full(board, ORDER)
    assert (full, paid) == (19, 20.0)
    won, less = command.RULES[name](board, ORDER)
    assert won == full
    assert 20 * PAUSES[0] < less <= 0.4 * 20


def test_the_rule_of_the_product_keeps_to_its_share_in_every_order() -> None:
    """Whoever has the part of the own levers."""
    board = known()
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(24)[:20].tolist()
        won, paid = command.in_rounds(board, order)
        assert won == max(order)
        assert paid <= 0.35 * 20 + 1e-9


def test_the_page_has_a_row_for_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was paid, and what was missed."""
    monkeypatch.setattr(command, "SWEEPS", 10)
    text = command.page({"t": known()})
    for rule in command.RULES:
        assert f"| t | 20 of 24 | {rule} |" in text
    assert "| every trial in full | 100 % | +0.00 (+0.0 to +0.0) | 100 % |" in text
