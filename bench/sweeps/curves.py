"""Trainings with drawn levers, scored at every pause: what rules of stopping are replayed on."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from bench.bases import finetuned, pretrained, tasks

from escalera.core.finetuning import rounds, sweeping
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.edges.training import loading
from escalera.errors import TrainingError

TAUGHT, TESTED, DRAWN = 500, 400, 26
CHOSEN_ON = ("clinc_banking", "mtod_intent")
"""On these tasks the settings of the rounds were chosen."""
TASKS = (*CHOSEN_ON, "snips_intent", "clinc_domain")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A training at every pause: right answers of each item, and the losses of its steps so far.

    What diverged has wrong answers from there on, and no step more.
    """

    right: list[list[float]]
    losses: list[list[float]]


class Board:
    """Trainings of one task; the first half of the items chooses, the others are fresh."""

    def __init__(self, right: np.ndarray, losses: np.ndarray) -> None:
        """`right` by training, pause and item; `losses` by training and pause."""
        self._right, self._losses = right, losses
        self._half = right.shape[2] // 2
        self._scores = right[:, :, : self._half].mean(axis=2)
        self.clusters = tuple(map(str, range(self._half)))

    @classmethod
    def of(cls, found: Iterable[Curve]) -> Board:
        """As they were trained."""
        every = list(found)
        right = np.array([one.right for one in every])
        return cls(right, np.array([[rounds.late(told) for told in one.losses] for one in every]))

    def __len__(self) -> int:
        return len(self._right)

    def chosen(self, number: int, place: int) -> tuple[float, ...]:
        """Right answers to the items that choose."""
        return tuple(self._right[number, place, : self._half].tolist())

    def score(self, number: int, place: int) -> float:
        """The share of these."""
        return float(self._scores[number, place])

    def loss(self, number: int, place: int) -> float:
        """What the training's late steps lost before a pause."""
        return float(self._losses[number, place])

    def fresh(self, number: int) -> float:
        """The share of right answers to fresh items at the end."""
        return float(self._right[number, -1, self._half :].mean())


def kept(task: str, number: int, cache: Path) -> Path:
    """Where a training is kept."""
    return cache / f"curve-{task}-{number}.json"


def curve(task: str, number: int, *, data: Path, bases: Path, cache: Path) -> Curve:
    """The training of this number, made where it is not kept yet."""
    file = kept(task, number, cache)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = _trained(task, drawn(number), data, bases)
        file.write_text(json.dumps(asdict(made)) + "\n", encoding="utf-8")
    return Curve(**json.loads(file.read_text(encoding="utf-8")))


# Private.


def _trained(task: str, levers: dict, data: Path, bases: Path) -> Curve:
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
    told = Curve(right=[], losses=[])
    try:
        with made.running() as loop:
            for share in sweeping.PAUSES:
                while len(loop.signals) < max(1, math.ceil(share * len(loop.plan))):
                    loop.step()
                told.right.append(list(finetuned.asked(made, held).right))
                told.losses.append([signal.loss for signal in loop.signals])
    except TrainingError:
        missing = len(sweeping.PAUSES) - len(told.right)
        told.right.extend([[0.0] * len(tested)] * missing)
        told.losses.extend([[signal.loss for signal in loop.signals]] * missing)
    return told
