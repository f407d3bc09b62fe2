"""Kill trainings at random moments and compare what they leave, bit by bit.

    python -m bench.training.kills --kills 100 --into build/bench/training/kills

Each training runs in a process of its own, is killed with SIGKILL at random moments until it ends
by itself, and is compared with the same training undisturbed: LoRA with dropout, all
weights, some weights, other optimizers and preferences, all packed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import torch

from escalera.domain.levers import Levers, Trainable
from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.edges.clock import SystemClock
from escalera.edges.training.local import LocalTrainer
from escalera.testing.tiny import tiny_model

BETWEEN = 0.05
"""Seconds between checkpoints here, so that kills fall behind, between and inside them."""

LORA = Trainable(rank=4, alpha=8, dropout=0.2)
PLAIN = TrainingRecipe(
    model="tiny",
    revision="r1",
    ingredients=(),
    trainable=LORA,
    levers=Levers(epochs=60, batch_tokens=512),
)
RECIPES = {
    "lora, dropout": PLAIN,
    "dora, muon": replace(
        PLAIN,
        trainable=replace(LORA, method="dora"),
        levers=replace(PLAIN.levers, optimizer="muon"),
    ),
    "full": replace(PLAIN, trainable=Trainable(method="full")),
    "partial, adafactor": replace(
        PLAIN,
        trainable=Trainable(method="partial"),
        levers=replace(PLAIN.levers, optimizer="adafactor"),
    ),
    "preference": replace(PLAIN, objective="preference"),
}


def pairs() -> list[TrainingPair]:
    """A hundred small conversations."""
    return [
        TrainingPair(
            messages=(
                Message(role="system", content="You count, and say nothing else."),
                Message(role="user", content="x" * (1 + number % 37)),
            ),
            target=f"{1 + number % 37}",
            rejected="many",
        )
        for number in range(100)
    ]


def train(name: str, root: Path) -> None:
    """Train in this process; say how many steps were left to do."""
    torch.set_num_threads(1)
    trainer = LocalTrainer(
        folders={"tiny": root / "model"},
        checkpoints=root / "kept",
        clock=SystemClock(),
        every=BETWEEN,
    )
    into = root / "again"
    into.mkdir(parents=True, exist_ok=True)
    done: list[int] = []

    def progress(_what: str, step: int, _steps: int) -> None:
        done.append(step)
        (root / "began").write_text(str(done[0]))

    trainer.train(RECIPES[name], pairs(), into=into, progress=progress)
    trainer.forget(RECIPES[name])


def files(folder: Path) -> dict[str, bytes]:
    """Names and contents."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def started(name: str, root: Path) -> multiprocessing.Process:
    """A training in a process of its own: forked, so that it has not to load its libraries."""
    process = multiprocessing.get_context("fork").Process(target=train, args=(name, root))
    process.start()
    return process


def killed(name: str, root: Path, generator: random.Random, whole: float) -> tuple[int, int]:
    """Train until it ends, killing it on the way: kills, and trainings that found a checkpoint."""
    kills = found = 0
    while True:
        (root / "began").write_text("1")
        shutil.rmtree(root / "again", ignore_errors=True)
        process = started(name, root)
        process.join(generator.uniform(0.05, 0.6) * whole)
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
        found += int((root / "began").read_text() or 1) > 1
        if process.exitcode == 0:
            return kills, found
        if process.exitcode and process.exitcode > 0:
            raise SystemExit(f"{name} failed with {process.exitcode}")


def main() -> None:
    """Kill until there were as many kills as asked for, and write what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, required=True)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    generator = random.Random(asked.seed)
    rows = {
        name: dict.fromkeys(("trainings", "kills", "continued", "different"), 0) for name in RECIPES
    }
    while sum(row["kills"] for row in rows.values()) < asked.kills:
        for name, row in rows.items():
            root = asked.into / name.replace(", ", "-")
            shutil.rmtree(root, ignore_errors=True)
            tiny_model(root / "model")
            began = time.monotonic()
            process = started(name, root)
            process.join()
            whole = time.monotonic() - began
            undisturbed = files(root / "again")
            kills, continued = killed(name, root, generator, whole)
            row["trainings"] += 1
            row["kills"] += kills
            row["continued"] += continued
            row["different"] += files(root / "again") != undisturbed
            print(name, row, flush=True)
    (asked.into / "kills.json").write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
