"""Trainings with drawn levers, scored at every pause: what rules of stopping are replayed on.

    python -m bench.sweeps.curves --data ../shared/data --tasks snips_intent

Each is kept in `--cache` when it is made, and all of a task are recorded in `--into`, from where
they are not made again.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from dataclasses import asdict
from pathlib import Path

import torch
from bench.bases import finetuned, pretrained, tasks
from bench.sweeps import record
from bench.sweeps.board import Curve
from bench.sweeps.record import POOLS, RECORDS, Pool

from escalera.core.finetuning import sweeping
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.edges.training import loading
from escalera.errors import TrainingError

TAUGHT, TESTED = 500, 400
FURTHER = 1000
"""So many items more, at the most, are answered at the end alone. On two hundred, one of two
trainings that are equally good comes out more than a point below the other in three of ten cases
(the good ones of four tasks, by how many answers differ)."""


def main(arguments: list[str] | None = None) -> None:
    """Train what is neither recorded nor kept, and record it."""
    parser = argparse.ArgumentParser(prog="bench.sweeps.curves")
    parser.add_argument("--data", type=Path, required=True, help="folder of the text sets")
    parser.add_argument("--bases", type=Path, default=Path("build/bench/bases"))
    parser.add_argument("--cache", type=Path, default=Path("build/bench/sweeps"))
    parser.add_argument("--into", type=Path, default=RECORDS)
    parser.add_argument("--tasks", nargs="+", default=sorted({pool.task for pool in POOLS}))
    asked = parser.parse_args(arguments)
    for pool in POOLS:
        if pool.task in asked.tasks:
            _recorded(pool, asked)


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


def kept(task: str, number: int, cache: Path) -> Path:
    """Where a training is kept."""
    return cache / f"curve-{task}-{number}.json"


def curve(task: str, number: int, *, data: Path, bases: Path, cache: Path) -> Curve:
    """The training of this number, made where it is not kept yet."""
    file = kept(task, number, cache)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = _trained(task, drawn(number), data, bases)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(made)) + "\n", encoding="utf-8")
        part.replace(file)
    return Curve(**json.loads(file.read_text(encoding="utf-8")))


# Private.


def _recorded(pool: Pool, asked: argparse.Namespace) -> None:
    """Train what the record of a pool's task lacks, and write all of them."""
    file = asked.into / f"{pool.task}.json.gz"
    found = record.read(file)
    missing = [number for number in pool.numbers if number not in found]
    for number in missing:
        found[number] = curve(
            pool.task, number, data=asked.data, bases=asked.bases, cache=asked.cache
        )
        print(pool.task, number, flush=True)
    if missing:
        record.write(file, found, {number: drawn(number) for number in found})


def _trained(task: str, levers: dict, data: Path, bases: Path) -> Curve:
    torch.set_num_threads(1)
    (base,) = (one for one in pretrained.BASES if one.name == "small")
    folder = pretrained.folder(base, data=data, into=bases)
    found = tasks.examples(tasks.task(task), data, seed=4)
    taught, tested = found[:TAUGHT], found[-TESTED:]
    further = found[TAUGHT:-TESTED][:FURTHER]
    rank = levers.pop("rank")
    recipe = TrainingRecipe(
        model="small",
        revision="",
        ingredients=(),
        trainable=Trainable(targets=(), rank=rank, alpha=2 * rank),
        levers=Levers(epochs=4, **levers),
    )
    made = finetuned.session(recipe, taught, folder)
    teaching = loading.teaching(made.model, made.tokenizer)
    held, beside = teaching.lessons(tested), teaching.lessons(further)
    told = Curve(right=[], losses=[], further=[])
    try:
        with made.running() as loop:
            for share in sweeping.PAUSES:
                while len(loop.signals) < max(1, math.ceil(share * len(loop.plan))):
                    loop.step()
                told.right.append(list(finetuned.asked(made, held).right))
                told.losses.append([signal.loss for signal in loop.signals])
            told.further.extend(finetuned.asked(made, beside).right)
    except TrainingError:
        missing = len(sweeping.PAUSES) - len(told.right)
        told.right.extend([[0.0] * len(tested)] * missing)
        told.losses.extend([[signal.loss for signal in loop.signals]] * missing)
        told.further.extend([0.0] * len(further))
    return told


if __name__ == "__main__":
    main()
