"""Replay rules of sweeps on trainings that were scored at every pause, and write the page.

    python -m bench.sweeps --output bench/results/sweeps.md
    python -m bench.sweeps.curves --data ../shared/data --tasks snips_intent --drawn 26

The second trains what is not recorded yet. Records lie in `bench/results/sweeps`: the first trains
nothing.
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
from bench.sweeps.record import CHOSEN_ON, HELD_OUT, RECORDS
from bench.sweeps.rules import RULES, Rule

from escalera.core.finetuning.sweeping import PAUSES

TRIALS, SWEEPS = 20, 1000
OURS = "rounds within a share (Escalera)"


def main(arguments: list[str] | None = None) -> int:
    """Replay, print and write."""
    parser = argparse.ArgumentParser(prog="bench.sweeps")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--tasks", nargs="+", default=[*CHOSEN_ON, *HELD_OUT])
    parser.add_argument("--after", type=int, default=0, help="leave out so many trainings")
    parser.add_argument("--before", type=int, help="and all from this one on")
    parser.add_argument("--output", type=Path, help="file to write the page to")
    asked = parser.parse_args(arguments)
    found = {}
    for task in asked.tasks:
        known = record.read(asked.records / f"{task}.json.gz")
        if not known:
            print(f"bench.sweeps: no record of {task!r} in {asked.records}", file=sys.stderr)
            return 2
        found[task] = Board(known[number] for number in sorted(known)[asked.after : asked.before])
    text = page(found)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    return 0


def page(found: dict[str, Board]) -> str:
    """The page."""
    lines = [*_head(), *_rules_head()]
    ours = {}
    for task, board in found.items():
        orders = _orders(task, board)
        for name, rule in RULES.items():
            replayed = _Replayed(board, orders, rule)
            lines.append(f"| {_named(task)} | {len(board)} | {name} | {replayed.row} |")
            if name == OURS:
                ours[task] = replayed
    lines += ["", *_held_out(ours), "", *_misses_head()]
    lines += [f"| {_named(task)} | {_misses(found[task], ours[task])} |" for task in found]
    return "\n".join(lines) + "\n"


class _Replayed:
    """A rule on the sweeps of a task, beside full trainings."""

    def __init__(self, board: Board, orders: Sequence[Sequence[int]], rule: Rule) -> None:
        self.orders, trials = orders, len(orders[0])
        self.full = [rules.in_full(board, order)[0] for order in orders]
        played = [rule(board, order) for order in orders]
        self.won = [won for won, _ in played]
        self.paid = np.array([paid for _, paid in played]).mean() / trials
        self.apart, self.wide = (
            100 * np.array([of(one) - of(other) for one, other in self._pairs()])
            for of in (board.fresh, board.widely)
        )
        self._many = len(board)

    def _pairs(self) -> list[tuple[int, int]]:
        return list(zip(self.won, self.full, strict=True))

    @property
    def as_good(self) -> np.ndarray:
        """For each sweep, whether the winner is no more than a point below."""
        return self.apart >= -1.0 - 1e-9

    @property
    def row(self) -> str:
        """Share paid; points and share as good, on both kinds of fresh items."""
        cells = [f"{100 * self.paid:.0f} %"]
        for apart in (self.apart, self.wide):
            points = spread.over_trainings(apart, self.orders, many=self._many)
            good = 100.0 * (apart >= -1.0 - 1e-9)
            share, low, high = spread.over_trainings(good, self.orders, many=self._many)
            cells += [
                "{:+.2f} ({:+.1f} to {:+.1f})".format(*points),
                f"{share:.0f} % ({max(0.0, low):.0f} to {min(100.0, high):.0f})",
            ]
        return " | ".join(cells)


# Private.


def _orders(task: str, board: Board) -> list[list[int]]:
    trials = TRIALS if len(board) > TRIALS else 3 * len(board) // 4
    return [random.Random(f"{task} {n}").sample(range(len(board)), trials) for n in range(SWEEPS)]


def _named(task: str) -> str:
    return f"{task} (chosen on)" if task in CHOSEN_ON else task


def _head() -> list[str]:
    return [
        "# Sweeps: rounds over learning curves beside full trainings",
        "",
        "    make bench-sweeps",
        "",
        "LoRA trainings of a small Llama (`bench/bases`) with drawn levers (rate over three",
        "decades, rank, batch, schedule, decay), scored at a set of pauses (in shares of their",
        f"steps: {', '.join(f'{p:.3g}' for p in PAUSES)}), as they are recorded in `sweeps/`;",
        f"{SWEEPS} sweeps in random orders for each rule, of {TRIALS} of a task's trainings (of",
        "three in four where there are no more than that). The first half of 400 items chooses,",
        "the others judge the winner. `points`: its score less that of the winner among the same",
        "trials in full. `as good`: sweeps in which it is no more than a point below. `of all`:",
        "the same with all items that were neither taught nor choose, up to 1,200. In brackets",
        "95 % intervals over trainings (jackknife, on the wide side; without a width where all",
        "sweeps came out alike). They do not say how tasks differ. Trials are drawn at random:",
        "what an estimator suggests cannot be replayed. The settings of the rounds were chosen on",
        f"{' and '.join(f'`{task}`' for task in CHOSEN_ON)}; the other tasks are held out.",
        "",
    ]


def _rules_head() -> list[str]:
    return [
        "| task | trainings | rule | paid | points | as good | points, of all | as good, of all |",
        "|---|---|---|---|---|---|---|---|",
    ]


def _held_out(ours: dict[str, _Replayed]) -> list[str]:
    """The mean over tasks on which nothing was chosen."""
    tasks = [task for task in ours if task not in CHOSEN_ON]
    if len(tasks) < 2:
        return []
    of = [ours[task] for task in tasks]
    points = spread.over_tasks([float(one.apart.mean()) for one in of])
    wide = spread.over_tasks([float(one.wide.mean()) for one in of])
    share, low, high = spread.over_tasks([100 * float(one.as_good.mean()) for one in of])
    return [
        f"Escalera's rounds over the {len(tasks)} tasks that are held out, each counted once, with"
        " Student's t over tasks:",
        f"{100 * np.mean([one.paid for one in of]):.0f} % paid,"
        " {:+.2f} points ({:+.1f} to {:+.1f}),".format(*points)
        + " of all {:+.2f} ({:+.1f} to {:+.1f}),".format(*wide)
        + f" {share:.0f} % as good ({max(0.0, low):.0f} to {min(100.0, high):.0f}).",
    ]


def _misses_head() -> list[str]:
    pauses = " | ".join(f"left at {share:.3g}" for share in PAUSES[:-1])
    return [
        "Where the rounds lost the winner of full trainings, and how many of these sweeps were",
        "not as good:",
        "",
        f"| task | {pauses} | came to its end |",
        "|---|---|---|---|---|",
    ]


def _misses(board: Board, ours: _Replayed) -> str:
    """For each pause the sweeps whose best was left there, and those of them that missed."""
    left = [
        sum(full in some for some in rules.came(board, order))
        for order, full in zip(ours.orders, ours.full, strict=True)
    ]
    cells = []
    for pauses in range(1, len(PAUSES) + 1):
        here = np.array(left) == pauses
        missed = (here & ~ours.as_good).sum()
        cells.append(f"{here.sum()}, {missed} not as good" if here.any() else "0")
    return " | ".join(cells)


if __name__ == "__main__":
    sys.exit(main())
