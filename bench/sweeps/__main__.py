"""Replay rules of stopping on trainings that were scored at every pause, and write the table.

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
from bench.sweeps import curves

from escalera.core.finetuning import sweeping
from escalera.core.finetuning.sweeping import PAUSES
from escalera.domain.sweep import LeverTrial

TRIALS, SWEEPS = 20, 200

Rule = Callable[[LeverTrial, Sequence[LeverTrial]], bool]
"""Whether a trial goes on from its last pause, given those before it."""


def in_full(*_: object) -> bool:
    """Every trial to its end."""
    return True


def median(trial: LeverTrial, before: Sequence[LeverTrial]) -> bool:
    """Not below the median of those before it at this pause, from the sixth trial on."""
    place = len(trial.scores) - 1
    others = [one.scores[place] for one in before if len(one.scores) > place]
    return len(others) < 5 or trial.scores[-1] >= float(np.median(others))


def halving(kept: int) -> Rule:
    """The product's rule, by how many one goes on."""
    return lambda trial, before: sweeping.verdict(trial, before, kept=kept) == "goes on"


RULES: dict[str, Rule] = {
    "every trial in full": in_full,
    "median": median,
    "halving, one in 2": halving(2),
    f"halving, one in {sweeping.KEPT} (Escalera)": halving(sweeping.KEPT),
    "halving, one in 4": halving(4),
}
ROUNDS = (10, 5, 3)
"""Of so many trials that were begun together, how many go on at each pause: no rule of one trial
after the other, and not what Escalera does."""


def main(arguments: list[str] | None = None) -> int:
    """Train what is missing, replay, print and write."""
    parser = argparse.ArgumentParser(prog="bench.sweeps")
    parser.add_argument("--data", type=Path, required=True, help="folder of the text sets")
    parser.add_argument("--bases", type=Path, default=Path("build/bench/bases"))
    parser.add_argument("--cache", type=Path, default=Path("build/bench/sweeps"))
    parser.add_argument("--drawn", type=int, default=curves.DRAWN)
    parser.add_argument("--output", type=Path, help="file to write the table to")
    asked = parser.parse_args(arguments)
    found = {
        task: [
            curves.curve(task, n, data=asked.data, bases=asked.bases, cache=asked.cache)
            for n in range(asked.drawn)
        ]
        for task in curves.TASKS
    }
    text = page(found)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    return 0


def sweep(curve: np.ndarray, rule: Rule, order: Sequence[int]) -> tuple[float, float]:
    """Quality of the winner on fresh items, and what was paid of all trainings.

    `curve` holds trials, pauses and items; the first half of the items chooses.
    """
    half = curve.shape[2] // 2
    tried: list[LeverTrial] = []
    for number in order:
        one = LeverTrial(values=(number,))
        while not sweeping.ended(one):
            scores = (*one.scores, float(curve[number, len(one.scores), :half].mean()))
            one = LeverTrial(values=(number,), scores=scores)
            if not rule(one, tried):
                break
        tried.append(one)
    won = sweeping.winner(tried)
    quality = 0.0 if won is None else float(curve[order[won], -1, half:].mean())
    return quality, sweeping.cost(tried) / len(order)


def rounds(curve: np.ndarray, order: Sequence[int]) -> tuple[float, float]:
    """The same as `sweep`, where all trials come to a pause before any goes on."""
    half = curve.shape[2] // 2
    alive, paid = list(order), 0.0
    for place, share in enumerate(PAUSES):
        paid += len(alive) * (share - (PAUSES[place - 1] if place else 0.0))
        ranked = sorted(alive, key=lambda number: -curve[number, place, :half].mean())
        alive = ranked[: [*ROUNDS, 1][place]]
    return float(curve[alive[0], -1, half:].mean()), paid / len(order)


def page(found: dict[str, list[list[list[float]]]]) -> str:
    """The page."""
    lines = [
        "# Sweeps: stopping by learning curves beside full trainings",
        "",
        "    make bench-sweeps",
        "",
        "LoRA trainings of a small Llama (`bench/bases`) with drawn levers (rate over three",
        "decades, rank, batch, schedule, decay), scored at a set of pauses (in shares of their",
        f"steps: {', '.join(f'{p:.3g}' for p in PAUSES)}); {SWEEPS} sweeps of {TRIALS} of them in",
        "random orders for each rule. The first half of 400 items chooses, the others judge the",
        "winner. `quality` is the winner's score less that of the winner among the same trials in",
        "full, in points, with the 2.5 and 97.5 % quantiles over sweeps; `as good` counts sweeps",
        "that are no more than a point below. Trials are drawn at random: what an estimator",
        "suggests cannot be replayed. Sweeps of one task share its trials, so that their spread is",
        "that of orders and not of tasks.",
        "",
        "| task | trials drawn | rule | paid | quality, points | as good |",
        "|---|---|---|---|---|---|",
    ]
    for task, some in found.items():
        curve = np.array(some)
        orders = [
            random.Random(f"{task} {n}").sample(range(len(curve)), TRIALS) for n in range(SWEEPS)
        ]
        full = np.array([sweep(curve, in_full, order)[0] for order in orders])
        together = np.array([rounds(curve, order) for order in orders])
        replayed = {
            name: np.array([sweep(curve, rule, order) for order in orders])
            for name, rule in RULES.items()
        } | {f"in rounds: {', '.join(map(str, ROUNDS))} of {TRIALS} go on": together}
        for name, both in replayed.items():
            apart = 100 * (both[:, 0] - full)
            low, high = np.quantile(apart, [0.025, 0.975])
            lines.append(
                f"| {task} | {len(curve)} | {name} | {100 * both[:, 1].mean():.0f} % | "
                f"{apart.mean():+.2f} ({low:+.1f} to {high:+.1f}) | "
                f"{100 * (apart >= -1.0).mean():.0f} % |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
