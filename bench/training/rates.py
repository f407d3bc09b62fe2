"""The learning rate that is found by short trainings, beside the whole grid trained to the end.

    python -m bench.training.rates --into build/bench/training/rates --cells 0/2 &
    python -m bench.training.rates --into build/bench/training/rates --cells 1/2

A cell is a task of the running example and a way to train its base model. Every rate of the grid is
trained in full; the score is the mean chance of the right answer on examples that were not taught
(what drawing one answer would score). The search sees none of these trainings, and none of those
examples.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from escalera import wiring
from escalera.core.finetuning import rates
from escalera.core.finetuning.rates import TriedRate
from escalera.core.prompts import operators, rendering
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.task import Task
from escalera.edges.training import losses
from escalera.edges.training.session import Memory, Session
from escalera.edges.training.trials import Trials
from escalera.errors import TrainingError

EXAMPLE = Path("examples/support")
TAUGHT, TESTED = 72, 100
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lora": ({}, {}),
    "lora, rank 4": ({"rank": 4, "alpha": 8}, {}),
    "lora, cosine": ({}, {"schedule": "cosine"}),
    "lora, muon": ({}, {"optimizer": "muon"}),
    "dora": ({"method": "dora"}, {}),
    "partial": ({"method": "partial"}, {}),
    "full": ({"method": "full"}, {}),
}


def pairs(task: Task, split: str, count: int) -> list[TrainingPair]:
    """Conversations of a task under the prompt that tells all."""
    prompt = operators.everything(task.parts)
    return [
        TrainingPair(
            messages=rendering.conversation(prompt, item.query, rendering.NO_MATERIAL),
            target=item.target,
            task=task.name,
        )
        for item in task.items(split)[:count]
    ]


def session(recipe: TrainingRecipe, taught: list[TrainingPair]) -> Session:
    """A training of the example's base model."""
    return Session(recipe, taught, folder=EXAMPLE / "model", memory=Memory())


def score(recipe: TrainingRecipe, taught: list[TrainingPair], tested: list[TrainingPair]) -> float:
    """Train in full; the mean chance of the right answers that were not taught."""
    made = session(recipe, [*taught, *tested])
    held = made.lessons[len(taught) :]
    short = session(recipe, taught)
    try:
        with short.running() as loop:
            while not loop.finished:
                loop.step()
    except TrainingError:
        return 0.0
    short.model.eval()
    with torch.no_grad():
        rows = short.losses.rows(held)
        chance = torch.exp(-losses.sums(short.losses(rows), rows))
    return float(chance.mean())


def cell(task: Task, way: str) -> dict[str, Any]:
    """One row: the best of the grid, what the search chose, and what it cost."""
    weights, levers = WAYS[way]
    recipe = TrainingRecipe(
        model="base",
        revision="",
        ingredients=(),
        trainable=Trainable(targets=(), **weights),
        levers=Levers(epochs=3, batch_tokens=768, learning_rate=1.0, **levers),
    )
    taught, tested = pairs(task, "train", TAUGHT), pairs(task, "search", TESTED)
    grid = rates.grid(recipe.trainable, recipe.levers)
    scores = {
        rate: score(
            replace(recipe, levers=replace(recipe.levers, learning_rate=rate)), taught, tested
        )
        for rate in grid
    }
    trials, tried, spent = Trials(session(recipe, taught)), [], 0
    while (trial := rates.following(grid, tried)) is not None:
        run = trials.run(trial.rate, trial.share)
        spent += run.tokens
        tried.append(TriedRate(trial=trial, loss=run.loss))
    found = rates.chosen(tried) or math.nan
    best = max(scores, key=lambda rate: scores[rate])
    whole = _read(recipe, taught)
    return {
        "task": task.name,
        "way": way,
        "best": best,
        "found": found,
        "best_score": scores[best],
        "found_score": scores[found],
        "scores": list(scores.values()),
        "tried": [[one.trial.rate, one.trial.share, one.loss] for one in tried],
        "cost": spent / (len(grid) * whole),
    }


def _at(recipe: TrainingRecipe, rate: float) -> TrainingRecipe:
    return replace(recipe, levers=replace(recipe.levers, learning_rate=rate))


def _read(recipe: TrainingRecipe, taught: list[TrainingPair]) -> int:
    """Tokens that one training in full reads."""
    made = session(recipe, taught)
    return sum(made.losses.rows(batch).read for batch in made.loop.plan)


def main() -> None:
    """Every cell of this part, one JSON line each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--cells", default="0/1")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    part, parts = (int(number) for number in asked.cells.split("/"))
    asked.into.mkdir(parents=True, exist_ok=True)
    project = wiring.install(EXAMPLE / "escalera.toml").project
    with (asked.into / f"cells-{part}.jsonl").open("w") as rows:
        for number, (way, task) in enumerate(itertools.product(WAYS, project.tasks)):
            if number % parts == part:
                row = cell(task, way)
                rows.write(json.dumps(row) + "\n")
                rows.flush()
                print(row, flush=True)


if __name__ == "__main__":
    main()
