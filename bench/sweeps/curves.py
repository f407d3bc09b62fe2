"""Trainings with drawn levers, scored at every pause: what rules of stopping are replayed on."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import torch
from bench.bases import finetuned, pretrained, tasks

from escalera.core.finetuning import sweeping
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.edges.training import loading
from escalera.errors import TrainingError

TAUGHT, TESTED, DRAWN = 500, 400, 26
TASKS = ("mtod_intent", "clinc_banking")


def drawn(number: int) -> dict[str, object]:
    """The levers of a trial, at random within the ranges that a user might give."""
    chance = random.Random(f"sweep {number}")
    return {
        "learning_rate": 10 ** chance.uniform(-4, -1),
        "rank": chance.choice((4, 8, 16, 32)),
        "batch_tokens": chance.choice((256, 512, 1024)),
        "schedule": chance.choice(("linear", "cosine", "constant")),
        "weight_decay": 10 ** chance.uniform(-4, 0),
    }


def curve(task: str, number: int, *, data: Path, bases: Path, cache: Path) -> list[list[float]]:
    """Right answers of each item at every pause; those of a training that diverged are wrong."""
    file = cache / f"{task}-{number}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_trained(task, drawn(number), data, bases)) + "\n")
    found: list[list[float]] = json.loads(file.read_text())
    return found


# Private.


def _trained(task: str, levers: dict, data: Path, bases: Path) -> list[list[float]]:
    torch.set_num_threads(1)
    (base,) = (one for one in pretrained.BASES if one.name == "small")
    folder = pretrained.folder(base, data=data, into=bases)
    found = tasks.examples(tasks.task(task), data, seed=4)
    taught, tested = found[:TAUGHT], found[-TESTED:]
    rank = levers.pop("rank")
    recipe = TrainingRecipe(
        model="small",
        revision="",
        ingredients=(),
        trainable=Trainable(targets=(), rank=rank, alpha=2 * rank),
        levers=Levers(epochs=4, **levers),
    )
    made = finetuned.session(recipe, taught, folder)
    held = loading.teaching(made.model, made.tokenizer).lessons(tested)
    scores: list[list[float]] = []
    try:
        with made.running() as loop:
            for share in sweeping.PAUSES:
                while len(loop.signals) < max(1, math.ceil(share * len(loop.plan))):
                    loop.step()
                scores.append(list(finetuned.asked(made, held).right))
    except TrainingError:
        scores += [[0.0] * len(tested)] * (len(sweeping.PAUSES) - len(scores))
    return scores
