"""Rules of `[models.NAME.finetuning]`: what a provider's job can be asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import msgspec

from escalera.settings.tables import FinetuningTable, ProjectFile
from escalera.settings.training_table import TrainingTable

Problem = tuple[str, str, str]
"""Key, what is wrong with it, and the remedy."""

OURS = (
    "engine",
    "optimizer",
    "learning_rate",
    "schedule",
    "warm_up",
    "weight_decay",
    "batch_tokens",
    "fewest_steps",
    "clip",
    "precision",
    "checkpoints",
    "weights",
    "softened",
)
"""Levers of `[training]` that a training on this machine has, and a provider's job has not."""
TAKEN = (
    "training.epochs, and batch_size, learning_rate_multiplier and beta under "
    "[models.NAME.finetuning]"
)
MOST_HOURS = 24.0 * 14


def problems(found: ProjectFile) -> Iterator[Problem]:
    """Everything that is wrong with the finetuning tables, and with levers that they rule out."""
    for name, model in found.models.items():
        table = model.finetuning
        if table is None:
            continue
        key = f"models.{name}.finetuning"
        if model.local:
            remedy = "Leave it out: a model on this machine is trained here"
            yield key, "is for a model that an endpoint serves", remedy
        yield from _ranges(key, table)
    climbed = found.models.get(found.climb.model)
    if climbed is not None and climbed.finetuning is not None:
        yield from _levers(found.training)
        if found.climb.replay == "auto":
            said = "is 'auto', which is found by trainings that pause, and a provider's do not"
            yield "climb.replay", said, "Give a number above 0 and at most 1"


# Below: private.

_SUFFIX = re.compile(r"[A-Za-z0-9_-]{0,40}")


def _ranges(key: str, table: FinetuningTable) -> Iterator[Problem]:
    serving = {} if table.serving is None else msgspec.structs.asdict(table.serving)
    checks = [
        (table.methods is None or bool(table.methods), "methods", table.methods, "at least one"),
        (_payable(table.price), "price", table.price, "a finite number, 0 or more"),
        *(
            (_payable(p), f"serving.{of}", p, "a finite number, 0 or more")
            for of, p in serving.items()
        ),
        (_above(table.batch_size), "batch_size", table.batch_size, "above 0"),
        (
            _above(table.learning_rate_multiplier),
            "learning_rate_multiplier",
            table.learning_rate_multiplier,
            "a finite number above 0",
        ),
        (_above(table.beta), "beta", table.beta, "a finite number above 0"),
        (0 < table.hours <= MOST_HOURS, "hours", table.hours, f"above 0, at most {MOST_HOURS:g}"),
        (
            _SUFFIX.fullmatch(table.suffix) is not None,
            "suffix",
            table.suffix,
            "at most 40 letters, digits, - and _",
        ),
    ]
    for right, name, value, rule in checks:
        if not right:
            yield f"{key}.{name}", f"{value!r} is out of range", f"Give {rule}"


def _levers(table: TrainingTable) -> Iterator[Problem]:
    """Levers that were given and would be ignored."""
    plain = TrainingTable()
    for name in OURS:
        if getattr(table, name) != getattr(plain, name):
            said = "is given, and a job of the model's provider does not take it"
            yield f"training.{name}", said, f"Leave it out. A job takes {TAKEN}"


def _payable(price: float | None) -> bool:
    return price is None or 0 <= price <= 1e9


def _above(value: float | None) -> bool:
    return value is None or 0 < value < math.inf
