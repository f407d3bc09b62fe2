"""Small bases finetuned on real tasks: pilots, and the full trainings that are the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from bench.bases import finetuned, pretrained, tasks

from escalera.core.finetuning import effort, trainings
from escalera.core.finetuning.data_plan import Planned
from escalera.core.finetuning.trainings import Training
from escalera.domain.identity import digest_of
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe

POOL, SEEDS, RESAMPLES = 1024, (0, 1), 3
ASKED, JUDGED = 300, 2000
"""Items that a pilot is asked, and at most so many that a full training is judged by."""
TASKS = (
    "snips_intent",
    "mtod_intent",
    "clinc_oos",
    "snips_rating",
    "clinc_domain",
    "clinc_banking",
)
_SMALL = frozenset({"clinc_oos", "snips_rating", "clinc_banking"})
"""Tasks of some thousand rows, half of which are asked."""
_LEVERS = {
    "epochs": 3,
    "batch_tokens": 512,
    "fewest_steps": effort.FEWEST_STEPS,
    "learning_rate": 2e-3,
    "schedule": "cosine",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where data lie, bases are kept, and measurements too."""

    data: Path
    bases: Path
    cache: Path


def pool(task: str) -> int:
    """The examples at hand: at most `POOL`, and what is not asked."""
    return POOL // 2 if task in _SMALL else POOL


def pilot(base: str, task: str, plan: Planned, resample: int, place: Place) -> Training:
    """A pilot on the beginning of an order that resample and chain seed."""
    chain = 100 * (resample + 1) + plan.chain
    scores = _scores(base, task, plan.examples, chain, place, ASKED)
    return trainings.of_scores(plan.examples, plan.chain, scores)


def full(base: str, task: str, place: Place) -> np.ndarray:
    """Scores with all examples: a row for each seed, a column for each item."""
    return np.array([_scores(base, task, pool(task), seed, place, JUDGED) for seed in SEEDS])


# Private.


def _scores(base: str, task: str, count: int, seed: int, place: Place, items: int) -> list[float]:
    """Of a training on the first *count* examples, in an order that *seed* draws too."""
    name = digest_of([base, task, count, seed, _LEVERS, POOL, items])
    file = place.cache / f"{name[:24]}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_trained(base, task, count, seed, place, items)) + "\n")
    found: list[float] = json.loads(file.read_text())
    return found


def _trained(base: str, task: str, count: int, seed: int, place: Place, items: int) -> list[float]:
    torch.set_num_threads(1)
    made = next(one for one in pretrained.BASES if one.name == base)
    folder = pretrained.folder(made, data=place.data, into=place.bases)
    found = tasks.examples(tasks.task(task), place.data, seed=2)
    taught, tested = found[: pool(task)], found[pool(task) :][-items:]
    mixed = torch.randperm(len(taught), generator=torch.Generator().manual_seed(seed)).tolist()
    recipe = TrainingRecipe(
        model=base,
        revision="",
        ingredients=(),
        trainable=Trainable(method="full", targets=()),
        levers=Levers(seed=seed, **_LEVERS),
    )
    score = finetuned.score(recipe, [taught[place] for place in mixed[:count]], tested, folder)
    return list(score.right)
