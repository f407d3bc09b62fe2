"""Replay rules of sweeps on trainings that were scored at every pause, and write the table.

    python -m bench.sweeps --data ../shared/data --output bench/results/sweeps.md

What is trained is kept in `--cache`.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import optuna
from bench.sweeps import curves
from bench.sweeps.curves import Board

from escalera.core.finetuning import rounds, sweeping
from escalera.core.finetuning.rounds import PausedTrial
from escalera.core.finetuning.sweeping import PAUSES
from escalera.domain.sweep import LeverTrial

TRIALS, SWEEPS = 20, 200
WIDTHS = np.diff((0.0, *PAUSES))

Verdict = Callable[[LeverTrial, Sequence[LeverTrial]], bool]
"""Whether a trial goes on from its last pause, given those before it."""

Rule = Callable[[Board, Sequence[int]], tuple[int, float]]
"""Of trials in an order, the number that wins, and what was paid, in full trainings."""


def main(arguments: list[str] | None = None) -> int:
    """Train what is missing, replay, print and write."""
    parser = argparse.ArgumentParser(prog="bench.sweeps")
    parser.add_argument("--data", type=Path, required=True, help="folder of the text sets")
    parser.add_argument("--bases", type=Path, default=Path("build/bench/bases"))
    parser.add_argument("--cache", type=Path, default=Path("build/bench/sweeps"))
    parser.add_argument("--drawn", type=int, default=curves.DRAWN)
    parser.add_argument("--tasks", nargs="+", default=[*curves.TASKS])
    parser.add_argument("--kept", action="store_true", help="train nothing that is not kept yet")
    parser.add_argument("--output", type=Path, help="file to write the table to")
    asked = parser.parse_args(arguments)
    found = {
        task: Board.of(
            curves.curve(task, n, data=asked.data, bases=asked.bases, cache=asked.cache)
            for n in range(asked.drawn)
            if not asked.kept or curves.kept(task, n, asked.cache).exists()
        )
        for task in asked.tasks
    }
    text = page(found)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    return 0


def in_full(board: Board, order: Sequence[int]) -> tuple[int, float]:
    """Every trial to its end."""
    return max(order, key=lambda n: (board.score(n, -1), -order.index(n))), float(len(order))


def one_by_one(verdict: Verdict) -> Rule:
    """Each trial to where it is stopped, before the next is begun."""

    def rule(board: Board, order: Sequence[int]) -> tuple[int, float]:
        tried: list[LeverTrial] = []
        for number in order:
            one = LeverTrial(values=(number,))
            while not sweeping.ended(one):
                score = board.score(number, len(one.scores))
                one = LeverTrial(values=(number,), scores=(*one.scores, score))
                if not verdict(one, tried):
                    break
            tried.append(one)
        won = sweeping.winner(tried)
        assert won is not None
        return order[won], sweeping.cost(tried)

    return rule


def median(trial: LeverTrial, before: Sequence[LeverTrial]) -> bool:
    """Not below the median of those before it at this pause, from the sixth trial on."""
    place = len(trial.scores) - 1
    others = [one.scores[place] for one in before if len(one.scores) > place]
    return len(others) < 5 or trial.scores[-1] >= float(np.median(others))


def halving(kept: int) -> Verdict:
    """The rule of sweeps that were begun before there were rounds, by how many one goes on."""
    return lambda trial, before: sweeping.verdict(trial, before, kept=kept) == "goes on"


def pruned(pruner: Callable[[], optuna.pruners.BasePruner]) -> Rule:
    """A pruner of Optuna, told at each pause; the resource is eighths of a training."""

    def rule(board: Board, order: Sequence[int]) -> tuple[int, float]:
        study = optuna.create_study(direction="maximize", pruner=pruner())
        ended, paid = list[int](), 0.0
        for number in order:
            trial, place = study.ask(), 0
            while place < len(PAUSES):
                paid += WIDTHS[place]
                trial.report(board.score(number, place), step=round(8 * PAUSES[place]))
                if trial.should_prune():
                    break
                place += 1
            state = optuna.trial.TrialState
            study.tell(
                trial,
                board.score(number, -1) if place == len(PAUSES) else None,
                state=state.COMPLETE if place == len(PAUSES) else state.PRUNED,
            )
            ended += [number] if place >= len(PAUSES) - 1 else []
        return max(ended or order[:1], key=lambda n: board.score(n, -1)), paid

    return rule


def counted(*many: int) -> Rule:
    """All trials come to a pause before any goes on, and so many do, the best by score."""

    def rule(board: Board, order: Sequence[int]) -> tuple[int, float]:
        alive, paid = list(order), 0.0
        for place, width in enumerate(WIDTHS):
            paid += len(alive) * width
            ranked = sorted(alive, key=lambda n: -board.score(n, place))
            alive = ranked[: [*many, 1][place]]
        return alive[0], paid

    return rule


def in_rounds(board: Board, order: Sequence[int]) -> tuple[int, float]:
    """The product's rule; the first of the order has the part of the own levers."""
    alive, came = list(range(len(order))), [len(order)]
    for place in range(len(PAUSES) - 1):
        alive = rounds.going_on(_paused(board, order, alive, place), room=rounds.room(came))
        came.append(len(alive))
    won = rounds.best(_paused(board, order, alive, len(PAUSES) - 1))
    assert won is not None
    return order[won], float(np.dot(came, WIDTHS))


RULES: dict[str, Rule] = {
    "every trial in full": in_full,
    "one by one, median": one_by_one(median),
    "one by one, one in 2": one_by_one(halving(2)),
    "one by one, one in 3 (Escalera before)": one_by_one(halving(sweeping.KEPT)),
    "Optuna, successive halving by 2": pruned(
        lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    ),
    "rounds by score: 10, 5, 3 of 20 go on": counted(10, 5, 3),
    "rounds within a share (Escalera)": in_rounds,
}


def page(found: dict[str, Board]) -> str:
    """The page."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    lines = [
        "# Sweeps: rounds over learning curves beside full trainings",
        "",
        "    make bench-sweeps",
        "",
        "LoRA trainings of a small Llama (`bench/bases`) with drawn levers (rate over three",
        "decades, rank, batch, schedule, decay), scored at a set of pauses (in shares of their",
        f"steps: {', '.join(f'{p:.3g}' for p in PAUSES)}); {SWEEPS} sweeps in random orders for",
        f"each rule, of {TRIALS} of them, or of three in four where fewer were drawn. The first",
        "half of 400 items chooses, the others judge the",
        "winner. `quality` is the winner's score less that of the winner among the same trials in",
        "full, in points, with the 2.5 and 97.5 % quantiles over sweeps; `as good` counts sweeps",
        "that are no more than a point below. Trials are drawn at random: what an estimator",
        "suggests cannot be replayed. Sweeps of one task share its trials, so that their spread is",
        "that of orders and not of tasks. The settings of the rounds were chosen on",
        f"{' and '.join(f'`{task}`' for task in curves.CHOSEN_ON)}; other tasks are held out.",
        "",
        "| task | of trials | rule | paid | quality, points | as good |",
        "|---|---|---|---|---|---|",
    ]
    for task, board in found.items():
        lines += _rows(task, board)
    return "\n".join(lines) + "\n"


# Private.


def _paused(
    board: Board, order: Sequence[int], alive: Sequence[int], place: int
) -> list[PausedTrial]:
    return [
        PausedTrial(
            number=number,
            scores=board.chosen(order[number], place),
            clusters=board.clusters,
            loss=board.loss(order[number], place),
        )
        for number in alive
    ]


def _rows(task: str, board: Board) -> list[str]:
    trials = TRIALS if len(board) > TRIALS else 3 * len(board) // 4
    orders = [random.Random(f"{task} {n}").sample(range(len(board)), trials) for n in range(SWEEPS)]
    full = np.array([board.fresh(in_full(board, order)[0]) for order in orders])
    lines = []
    for name, rule in RULES.items():
        found = [rule(board, order) for order in orders]
        apart = 100 * (np.array([board.fresh(won) for won, _ in found]) - full)
        low, high = np.quantile(apart, [0.025, 0.975])
        lines.append(
            f"| {task} | {trials} of {len(board)} | {name} | "
            f"{100 * np.mean([paid for _, paid in found]) / trials:.0f} % | "
            f"{apart.mean():+.2f} ({low:+.1f} to {high:+.1f}) | "
            f"{100 * (apart >= -1.0).mean():.0f} % |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
