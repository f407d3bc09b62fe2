"""The bench of sweeps replays rules of sweeps on trainings that are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optuna")

from bench.sweeps import __main__ as command
from bench.sweeps import record, rules, spread
from bench.sweeps.board import Board, Curve
from bench.sweeps.record import POOLS, Pool

from escalera.core.finetuning.sweeping import PAUSES

ORDER = list(range(20))[::-1]


def trained() -> list[Curve]:
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
    return [
        Curve(
            right=row.tolist(),
            losses=[told[: place + 1] for place in range(4)],
            further=[1.0] * (4 * number) + [0.0] * (100 - 4 * number),
        )
        for number, (row, told) in enumerate(zip(right, losses, strict=True))
    ]


def known() -> Board:
    """Their board."""
    return Board(trained())


def test_a_board_has_items_that_choose_and_fresh_ones() -> None:
    """And the losses of late at every pause."""
    board = known()
    both = (board.score(23, -1) + board.fresh(23)) / 2
    assert both == pytest.approx(24 * 15 / 400)
    there = board.paused(3, 1, named=7)
    assert there.number == 7
    assert board.score(3, 1) == pytest.approx(there.mean)
    assert there.loss == pytest.approx(2.7)
    assert board.many == 300
    assert board.otherwise(5) == pytest.approx(0.2)
    assert board.widely(23) == pytest.approx((200 * board.fresh(23) + 92) / 300)


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
    full, paid = rules.in_full(board, ORDER)
    assert (full, paid) == (19, 20.0)
    won, less = rules.RULES[name](board, ORDER)
    assert won == full
    assert 20 * PAUSES[0] < less <= 0.4 * 20


def test_the_rule_of_the_product_keeps_to_its_share_in_every_order() -> None:
    """Whoever has the part of the own levers."""
    board = known()
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(24)[:20].tolist()
        won, paid = rules.in_rounds(board, order)
        assert won == max(order)
        assert paid <= 0.35 * 20 + 1e-9
        assert all(order[0] in some for some in rules.came(board, order))


def test_a_record_gives_back_what_was_trained(tmp_path: Path) -> None:
    """Every answer, and losses to three decimals; equal trainings are equal files."""
    made = dict(enumerate(trained()))
    made[3].losses[-1][:] = [2.00004, math.inf]
    made[3].losses[0][:] = [2.00004]
    levers = {number: {"rank": number} for number in made}
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    record.write(first, made, levers)
    record.write(second, dict(reversed(made.items())), levers)
    found = record.read(first)
    assert list(found) == list(range(24))
    assert found[3].right == made[3].right
    assert found[7].further == made[7].further
    assert found[3].losses[0] == [2.0]
    assert found[3].losses[-1] == [2.0, math.inf]
    assert first.read_bytes() == second.read_bytes()
    assert record.read(tmp_path / "none.json.gz") == {}


def test_the_interval_over_trainings_is_that_of_their_mean_where_a_sweep_is_one() -> None:
    """However many trainings two sweeps share, and however many sweeps there are."""
    chance = np.random.default_rng(5)
    each = chance.normal(size=30)
    orders = [chance.permutation(30)[:20].tolist() for _ in range(4000)]
    values = np.array([each[order].mean() for order in orders])
    mean, low, high = spread.over_trainings(values, orders, many=30)
    assert mean == pytest.approx(each.mean(), abs=0.01)
    assert high - low == pytest.approx(2 * 1.96 * each.std(ddof=1) / 30**0.5, rel=0.05)
    noise = chance.normal(size=4000)
    _, low, high = spread.over_trainings(noise, orders, many=30)
    assert 0.1 < high - low < 0.5


def test_the_interval_over_tasks_is_students() -> None:
    """With two tasks it is as wide as two tasks make it."""
    mean, low, high = spread.over_tasks([1.0, 3.0])
    assert mean == 2.0
    assert high - mean == pytest.approx(12.706, abs=0.001)
    assert mean - low == pytest.approx(12.706, abs=0.001)


def test_the_page_has_a_row_for_every_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what was paid and missed, what is held out, and where the best was lost."""
    monkeypatch.setattr(command, "SWEEPS", 40)
    held = {"clinc_banking": "nothing", "snips_intent": "task and levers"}
    held["clinc_oos"] = "task and levers"
    pools = [Pool(task=task, numbers=range(24), held_out=what) for task, what in held.items()]
    monkeypatch.setattr(command, "POOLS", pools)
    made = dict(enumerate(trained()))
    for task in held:
        record.write(tmp_path / f"{task}.json.gz", made, {number: {} for number in made})
    written = tmp_path / "page.md"
    asked = ["--records", f"{tmp_path}", "--output", f"{written}", "--trials", "12"]
    assert command.main(asked) == 0
    text = written.read_text()
    assert "of 12 of a pool of trainings" in text
    for rule in rules.RULES:
        assert f"| clinc_banking | nothing | 24 | {rule} |" in text
        assert f"| snips_intent | task and levers | 24 | {rule} |" in text
    assert "| every trial in full | 100 % | +0.00 (+0.0 to +0.0) | 100 % (100 to 100) |" in text
    assert "| the 2 where both are | mean of tasks | | 31 % |" in text
    assert "| snips_intent | task and levers | 24 | 0 | 0 | 0 | 40, 0 not as good |" in text


def test_without_a_record_nothing_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says which one is missing."""
    assert command.main(["--records", f"{tmp_path}", "--tasks", "snips_intent"]) == 2
    assert "lacks trainings of Pool(task='snips_intent'" in capsys.readouterr().err


def test_pools_that_are_held_out_share_nothing_with_those_that_are_not() -> None:
    """Neither a task nor, where it is said, the levers; and no two of these share levers."""
    chosen = [pool for pool in POOLS if pool.held_out == "nothing"]
    apart = [pool for pool in POOLS if pool.held_out == "task and levers"]
    tasks = {pool.task for pool in chosen}
    assert all(pool.task not in tasks for pool in POOLS if pool not in chosen)
    used = [number for pool in (chosen[0], *apart) for number in pool.numbers]
    assert len(used) == len(set(used))
