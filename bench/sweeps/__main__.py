"""Replay rules of sweeps on trainings that were scored at every pause, and write the page.

    python -m bench.sweeps --output bench/results/sweeps.md
    python -m bench.sweeps.curves --data ../shared/data --tasks snips_intent

The first trains nothing: trainings are recorded in `bench/results/sweeps`. The second trains what
is not recorded yet.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench.sweeps import record, rules, spread
from bench.sweeps.board import Board
from bench.sweeps.record import POOLS, RECORDS, Pool
from bench.sweeps.rules import OTHERS, OURS, RULES, Rule

from escalera.core.finetuning.sweeping import PAUSES

TRIALS, SWEEPS = 20, 1000


def main(arguments: list[str] | None = None) -> int:
    """Replay, print and write."""
    parser = argparse.ArgumentParser(prog="bench.sweeps")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--tasks", nargs="+", default=sorted({pool.task for pool in POOLS}))
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each sweep")
    parser.add_argument("--output", type=Path, help="file to write the page to")
    asked = parser.parse_args(arguments)
    found = []
    for pool in POOLS:
        if pool.task in asked.tasks:
            known = record.read(asked.records / f"{pool.task}.json.gz")
            if not set(pool.numbers) <= set(known):
                print(f"bench.sweeps: {asked.records} lacks trainings of {pool}", file=sys.stderr)
                return 2
            found.append((pool, Board(known[number] for number in pool.numbers)))
    text = page(found, asked.trials)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    return 0


def page(found: Sequence[tuple[Pool, Board]], trials: int) -> str:
    """The page, of sweeps of so many trials."""
    played = [(pool, _replayed(pool, board, trials)) for pool, board in found]
    lines = [*_head(trials), *_ours_head()]
    for pool, by_rule in played:
        lines.append(f"| {_named(pool)} | {by_rule[OURS].cost} | {by_rule[OURS].row} |")
    lines += [*_held_out([by_rule[OURS] for pool, by_rule in played if _fresh(pool)])]
    lines += ["", *_misses_head()]
    lines += [f"| {_named(pool)} | {by_rule[OURS].misses} |" for pool, by_rule in played]
    lines += ["", *_rules_head()]
    for pool, by_rule in played:
        for name, one in by_rule.items():
            # All items hold those by which these were chosen.
            row = f"{one.upon(one.apart)} | - | -" if name == OTHERS else one.row
            lines.append(f"| {_named(pool)} | {name} | {one.cost} | {row} |")
    return "\n".join(lines) + "\n"


class _Replayed:
    """A rule on the sweeps of a pool, beside full trainings."""

    def __init__(self, board: Board, orders: Sequence[Sequence[int]], rule: Rule) -> None:
        self._board, self._orders = board, orders
        self._full = [rules.in_full(board, order)[0] for order in orders]
        played = [rule(board, order) for order in orders]
        self.paid = np.array([paid for _, paid in played]).mean() / len(orders[0])
        pairs = [(won, full) for (won, _), full in zip(played, self._full, strict=True)]
        self.apart, self.wide = (
            100 * np.array([of(won) - of(full) for won, full in pairs])
            for of in (board.fresh, board.widely)
        )

    @property
    def cost(self) -> str:
        """The share paid."""
        return f"{100 * self.paid:.0f} %"

    @property
    def row(self) -> str:
        """Points and share as good, on both kinds of fresh items."""
        return f"{self.upon(self.apart)} | {self.upon(self.wide)}"

    def upon(self, apart: np.ndarray) -> str:
        """Points and share as good, with intervals."""
        points = spread.over_trainings(apart, self._orders, many=len(self._board))
        good = 100.0 * as_good(apart)
        share = spread.over_trainings(good, self._orders, many=len(self._board))
        return f"{_points(points)} | {_share(share)}"

    @property
    def misses(self) -> str:
        """For each pause the sweeps whose best was left there, and those of them that missed."""
        left = np.array(
            [
                sum(full in some for some in rules.came(self._board, order))
                for order, full in zip(self._orders, self._full, strict=True)
            ]
        )
        cells = []
        for pauses in range(1, len(PAUSES) + 1):
            here = left == pauses
            missed = (here & ~as_good(self.wide)).sum()
            cells.append(f"{here.sum()}, {missed} not as good" if here.any() else "0")
        return " | ".join(cells)


def as_good(apart: np.ndarray) -> np.ndarray:
    """For each sweep, whether its winner is no more than a point below."""
    return apart >= -1.0 - 1e-9


# Private.


def _replayed(pool: Pool, board: Board, trials: int) -> dict[str, _Replayed]:
    orders = [
        random.Random(f"{pool.task} {n}").sample(range(len(board)), trials) for n in range(SWEEPS)
    ]
    return {name: _Replayed(board, orders, rule) for name, rule in RULES.items()}


def _fresh(pool: Pool) -> bool:
    return pool.held_out == "task and levers"


def _named(pool: Pool) -> str:
    return f"{pool.task} | {pool.held_out} | {len(pool.numbers)}"


def _points(ends: spread.Ends) -> str:
    return "{:+.2f} ({:+.1f} to {:+.1f})".format(*ends)


def _share(ends: spread.Ends) -> str:
    mean, low, high = ends
    return f"{mean:.0f} % ({max(0.0, low):.0f} to {min(100.0, high):.0f})"


def _head(trials: int) -> list[str]:
    return [
        "# Sweeps: rounds over learning curves beside full trainings",
        "",
        "    make bench-sweeps",
        "",
        "LoRA trainings of a small Llama (`bench/bases`) with drawn levers (rate over three",
        "decades, rank, batch, schedule, decay), scored at a set of pauses (in shares of their",
        f"steps: {', '.join(f'{p:.3g}' for p in PAUSES)}), as they are recorded in `sweeps/`;",
        f"{SWEEPS} sweeps in random orders for each rule, of {trials} of a pool of trainings. The",
        "first half of 400 items chooses, the others judge the winner. `points`: its score less",
        "that of the winner among the same trials in full. `as good`: sweeps in which it is no",
        "more than a point below. `of all`: the same with all items that were neither taught nor",
        "choose, up to 1,200: two hundred tell a point badly. In brackets 95 % intervals over the",
        "pool's trainings (jackknife, on the wide side; without a width where all sweeps came out",
        "alike). They do not say how tasks differ. Trials are drawn at random: what an estimator",
        "suggests cannot be replayed. The settings of the rounds were chosen on two tasks with",
        "levers that two of the other pools share. `paid`: of the steps of all trainings; answers",
        "are not counted (rounds ask at 38 pauses of twenty trials, full trainings at 20 ends).",
        "",
    ]


_COLUMNS = "paid | points | as good | points, of all | as good, of all |"


def _ours_head() -> list[str]:
    return [
        "## Escalera's rounds",
        "",
        f"| task | held out | trainings | {_COLUMNS}",
        "|---|---|---|---|---|---|---|---|",
    ]


def _held_out(of: Sequence[_Replayed]) -> list[str]:
    """The mean over pools that share neither task nor levers with what was chosen on."""
    if len(of) < 2:
        return []
    cells = [f"{100 * np.mean([one.paid for one in of]):.0f} %"]
    for each in ([one.apart for one in of], [one.wide for one in of]):
        cells.append(_points(spread.over_tasks([float(apart.mean()) for apart in each])))
        shares = [100.0 * float(as_good(apart).mean()) for apart in each]
        cells.append(_share(spread.over_tasks(shares)))
    return [
        f"| the {len(of)} where both are | mean of tasks | | {' | '.join(cells)} |",
        "",
        "The last line has Student's t over tasks.",
    ]


def _misses_head() -> list[str]:
    pauses = " | ".join(f"left at {share:.3g}" for share in PAUSES[:-1])
    return [
        "Where the rounds lost the winner of full trainings, and how many of these sweeps were",
        "not as good by all items:",
        "",
        f"| task | held out | trainings | {pauses} | came to its end |",
        "|---|---|---|---|---|---|---|",
    ]


def _rules_head() -> list[str]:
    return [
        "## Beside other rules",
        "",
        "`chosen by other items` has the same full trainings, and two hundred other items choose",
        "the winner (112 of `snips_rating`): what chance in the items costs without any stopping.",
        "",
        f"| task | held out | trainings | rule | {_COLUMNS}",
        "|---|---|---|---|---|---|---|---|---|",
    ]


if __name__ == "__main__":
    sys.exit(main())
