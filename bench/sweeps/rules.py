"""Rules of stopping, each replayed on trainings in an order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import optuna
from bench.sweeps.board import Board

from escalera.core.finetuning import rounds, sweeping
from escalera.core.finetuning.sweeping import PAUSES
from escalera.domain.sweep import LeverTrial

WIDTHS = np.diff((0.0, *PAUSES))

Verdict = Callable[[LeverTrial, Sequence[LeverTrial]], bool]
"""Whether a trial goes on from its last pause, given those before it."""

Rule = Callable[[Board, Sequence[int]], tuple[int, float]]
"""Of trials in an order, the number that wins, and what was paid, in full trainings."""


def in_full(board: Board, order: Sequence[int]) -> tuple[int, float]:
    """Every trial to its end."""
    return max(order, key=lambda n: (board.score(n, -1), -order.index(n))), float(len(order))


def in_full_by_others(board: Board, order: Sequence[int]) -> tuple[int, float]:
    """The same, chosen by other items: what the choice of items alone makes of the winner."""
    return max(order, key=lambda n: (board.otherwise(n), -order.index(n))), float(len(order))


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
        optuna.logging.set_verbosity(optuna.logging.ERROR)
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


def came(board: Board, order: Sequence[int]) -> list[list[int]]:
    """By the product's rule, the numbers that came to each pause.

    The first of the order has the part of the own levers.
    """
    alive, found = list(range(len(order))), [list(order)]
    for place in range(len(PAUSES) - 1):
        there = [board.paused(order[named], place, named=named) for named in alive]
        alive = rounds.going_on(there, room=rounds.room([len(some) for some in found]))
        found.append([order[named] for named in alive])
    return found


def in_rounds(board: Board, order: Sequence[int]) -> tuple[int, float]:
    """The product's rule."""
    found = came(board, order)
    named = {number: place for place, number in enumerate(order)}
    ends = [board.paused(number, len(PAUSES) - 1, named=named[number]) for number in found[-1]]
    won = rounds.best(ends)
    assert won is not None
    return order[won], float(np.dot([len(some) for some in found], WIDTHS))


OURS = "rounds within a share (Escalera)"

OTHERS = "every trial in full, chosen by other items"

RULES: dict[str, Rule] = {
    "every trial in full": in_full,
    OTHERS: in_full_by_others,
    "one by one, median": one_by_one(median),
    "one by one, one in 2": one_by_one(halving(2)),
    "one by one, one in 3 (Escalera before)": one_by_one(halving(sweeping.KEPT)),
    "Optuna, successive halving by 2": pruned(
        lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    ),
    "rounds by score: 10, 5, 3 of 20 go on": counted(10, 5, 3),
    OURS: in_rounds,
}
