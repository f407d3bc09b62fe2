"""The learning rate that is found by short trainings, beside the whole grid trained to the end.

    python -m bench.training.rates --data ../shared/data --into build/bench/training/rates \
        --output bench/results/rates.md

A cell is a task that the base model does not know and a way to train it. Every rate of the grid is
trained in full with two seeds; the score is the share of right greedy answers to messages that were
not taught. The search sees none of these trainings, and none of those messages. What was trained is
kept under `--into`, so that the bench can be interrupted, and another search be judged in a minute.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from bench.bases import finetuned, pretrained, tasks
from bench.training import rate_tables

from escalera.core.finetuning import rates
from escalera.core.finetuning.rates import TriedRate
from escalera.domain.identity import digest_of
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.edges.training.trials import Trials

TAUGHT, TESTED, SEEDS = 600, 500, (0, 1)
HALF, NEAR = 0.5, 0.95
FRESH = ("dora", "full, adafactor")
"""Ways that were added when the search was settled: nothing in it was chosen by them."""

WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lora": ({}, {}),
    "full": ({"method": "full"}, {}),
    "partial": ({"method": "partial"}, {}),
    "lora, muon, cosine": ({}, {"optimizer": "muon", "schedule": "cosine"}),
    "full, sgd": ({"method": "full"}, {"optimizer": "sgd"}),
    "dora": ({"method": "dora"}, {}),
    "full, adafactor": ({"method": "full"}, {"optimizer": "adafactor"}),
}
TASKS = ("mtod_intent", "clinc_banking", "snips_intent", "snips_rating")


def main() -> None:
    """Train what is missing, search in every cell, write the table."""
    parser = argparse.ArgumentParser(prog="bench.training.rates")
    parser.add_argument("--data", type=Path, required=True, help="folder of the text sets")
    parser.add_argument("--into", type=Path, required=True, help="folder for what was trained")
    parser.add_argument("--bases", type=Path, default=Path("build/bench/bases"))
    parser.add_argument("--ways", nargs="*", default=list(WAYS), help="only these")
    parser.add_argument("--output", type=Path, help="file to write the table to")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    (base,) = (base for base in pretrained.BASES if base.name == "small")
    folder = pretrained.folder(base, data=asked.data, into=asked.bases)
    rows = []
    for way, task in itertools.product(asked.ways, TASKS):
        rows.append(cell(task, way, data=asked.data, folder=folder, into=asked.into))
        print(rate_tables.row(rows[-1]), flush=True)
    text = rate_tables.page(rows)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")


def cell(task: str, way: str, *, data: Path, folder: Path, into: Path) -> dict[str, Any]:
    """What every rate comes to in full, what the search chose, and what it cost."""
    found = tasks.examples(tasks.task(task), data, seed=1)
    taught, tested = found[: min(TAUGHT, len(found) - TESTED)], found[-TESTED:]
    recipe = recipe_of(way)
    grid = rates.grid(recipe.trainable, recipe.levers)

    def shares_at(rate: float, seeds: Sequence[int]) -> list[float]:
        return _shares(at(recipe, rate), taught, tested, folder, into, seeds)

    shares = _grid(grid, shares_at)
    session = finetuned.session(at(recipe, 1.0), taught, folder)
    whole = sum(session.losses.rows(batch).read for batch in session.loop.plan)
    trials, tried, spent = Trials(session), [], 0
    while (trial := rates.following(grid, tried)) is not None:
        run = trials.run(trial.rate, trial.share)
        spent += run.tokens
        tried.append(TriedRate(trial=trial, loss=run.loss))
    chosen = rates.chosen(grid, tried)
    return {
        "task": task,
        "way": way,
        "fresh": way in FRESH,
        "steps": len(session.loop.plan),
        "grid": list(grid),
        "shares": shares,
        "found": chosen,
        "at_found": None if chosen is None else shares_at(chosen, SEEDS),
        "cost": spent / (len(grid) * whole),
        "trials": len(tried),
    }


def recipe_of(way: str) -> TrainingRecipe:
    """A training whose rate is open."""
    weights, levers = WAYS[way]
    return TrainingRecipe(
        model="small",
        revision="",
        ingredients=(),
        trainable=Trainable(targets=(), **weights),
        levers=Levers(epochs=4, batch_tokens=384, learning_rate=None, **levers),
    )


def at(recipe: TrainingRecipe, rate: float) -> TrainingRecipe:
    """The recipe with a rate."""
    return replace(recipe, levers=replace(recipe.levers, learning_rate=rate))


# Private.


def _grid(
    grid: Sequence[float], shares_at: Callable[[float, Sequence[int]], list[float]]
) -> list[list[float]]:
    """The share of right answers of every rate, none of those that were not trained.

    From the highest rate down, until one has less than half of the best: those below it have
    learned even less. Those that are near the best are trained with every seed.
    """
    found: list[list[float]] = [[] for _ in grid]
    best = 0.0
    for place in range(len(grid) - 1, -1, -1):
        found[place] = shares_at(grid[place], SEEDS[:1])
        best = max(best, found[place][0])
        if found[place][0] < HALF * best and best > HALF:
            break
    for place, shares in enumerate(found):
        if shares and shares[0] >= NEAR * best:
            found[place] = shares_at(grid[place], SEEDS)
    return found


def _shares(
    recipe: TrainingRecipe,
    taught: list[TrainingPair],
    tested: list[TrainingPair],
    folder: Path,
    into: Path,
    seeds: Sequence[int],
) -> list[float]:
    """The share of right answers for each seed; trained once."""
    found = []
    for seed in seeds:
        seeded = replace(recipe, levers=replace(recipe.levers, seed=seed))
        name = digest_of([seeded.digest, [(pair.item, pair.task) for pair in (*taught, *tested)]])
        file = into / f"{name[:24]}.json"
        if not file.exists():
            into.mkdir(parents=True, exist_ok=True)
            score = finetuned.score(seeded, taught, tested, folder)
            file.write_text(json.dumps({"share": score.share}) + "\n", encoding="utf-8")
        found.append(json.loads(file.read_text(encoding="utf-8"))["share"])
    return found


if __name__ == "__main__":
    main()
