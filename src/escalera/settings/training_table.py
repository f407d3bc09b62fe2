"""`[training]`: the levers of a training. What is not said follows from the effort."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from escalera.core.finetuning import effort
from escalera.core.finetuning.effort import Setting
from escalera.domain.levers import (
    ADAPTERS,
    OF_ADAPTERS,
    Effort,
    Engine,
    Levers,
    Method,
    Objective,
    OptimizerName,
    Precision,
    Schedule,
)
from escalera.domain.project import PROMPTING, TRAINING, RungName
from escalera.domain.recipe import Rewind
from escalera.domain.sweep import LeverRange, Sweep
from escalera.domain.task import Task
from escalera.errors import ProjectError


class WeightsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training.weights]`: which weights learn."""

    method: Method | None = None
    rank: int | None = None
    alpha: int | None = None
    dropout: float | None = None
    targets: list[str] | None = None
    layers: list[str] | None = None
    share: float | None = None
    tokens: list[str] | None = None
    merged: bool | None = None


class MemoryTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training.memory]`: what a training may hold at once. It changes nothing that is learned."""

    pass_tokens: int = 8192
    recompute: bool = False


class FullTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training.full]`: what differs on the rung on which all weights learn."""

    learning_rate: float | Literal["auto"] = "auto"
    weight_decay: float = 0.01

    def given(self) -> dict[str, float | None]:
        """The levers by name, None where one is to be found."""
        rate = None if self.learning_rate == "auto" else self.learning_rate
        return {"learning_rate": rate, "weight_decay": self.weight_decay}


class TeacherTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training.teacher]`: whose answers are taught instead of the targets."""

    system: str
    least: float | None = None
    samples: int = 1
    temperature: float = 0.0


class SoftenedTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training.softened]`: a local model whose distribution over the next token is learned."""

    model: str
    temperature: float = 2.0
    share: float = 0.5


class SweepTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training.sweep]`: what levers may be: two ends of a range, or a list to choose from."""

    trials: int = 20
    learning_rate: list[float] | None = None
    warm_up: list[float] | None = None
    weight_decay: list[float] | None = None
    clip: list[float] | None = None
    dropout: list[float] | None = None
    method: list[Method] | None = None
    rank: list[int] | None = None
    epochs: list[int] | None = None
    batch_tokens: list[int] | None = None
    optimizer: list[OptimizerName] | None = None
    schedule: list[Schedule] | None = None

    def sweep(self, *, seed: int) -> Sweep:
        """The ranges as a value."""
        said = [(name, getattr(self, name)) for name in (*RANGES, *CHOICES)]
        return Sweep(
            levers=tuple(
                LeverRange(name=name, lowest=value[0], highest=value[1])
                if name in RANGES
                else LeverRange(name=name, choices=tuple(value))
                for name, value in said
                if value is not None
            ),
            trials=self.trials,
            seed=seed,
        )


RANGES = ("learning_rate", "warm_up", "weight_decay", "clip", "dropout")
CHOICES = ("method", "rank", "epochs", "batch_tokens", "optimizer", "schedule")


class RewindTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training.rewind]`: a training goes back to a step, and on without some examples."""

    recipe: str
    after: int
    without: list[str]


class TrainingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[training]`: how the weights learn, and how often what they learned is measured."""

    effort: Effort = "normal"
    objective: Objective = "supervised"
    beta: float | None = None
    engine: Engine = "own"
    optimizer: OptimizerName | None = None
    learning_rate: float | Literal["auto"] | None = None
    schedule: Schedule | None = None
    warm_up: float | None = None
    weight_decay: float | None = None
    epochs: int | None = None
    batch_tokens: int | None = None
    fewest_steps: int | None = None
    clip: float | None = None
    precision: Precision | None = None
    checkpoints: int = 3
    without: list[str] = []
    weights: WeightsTable = WeightsTable()
    full: FullTable = FullTable()
    memory: MemoryTable = MemoryTable()
    teacher: TeacherTable | None = None
    softened: SoftenedTable | None = None
    sweep: SweepTable = SweepTable()
    rewind: RewindTable | None = None

    def settings(self) -> tuple[Setting, ...]:
        """Every lever with its value and the reason for it."""
        return effort.settings(self.effort, self.given())

    def given(self) -> dict[str, Any]:
        """The levers by name, None where the file does not say them."""
        given: dict[str, Any] = msgspec.structs.asdict(self) | msgspec.structs.asdict(self.weights)
        if self.learning_rate == "auto":
            given["learning_rate"] = None
        if self.sweep.batch_tokens is not None and self.fewest_steps is None:
            given["fewest_steps"] = 0  # else batches that are tried would come out alike
        return {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}

    def whole(self, levers: Levers) -> Levers:
        """*levers* for a training of all weights: their rate is another one."""
        given = self.full.given()
        return replace(
            levers, learning_rate=given["learning_rate"], weight_decay=self.full.weight_decay
        )


Check = tuple[bool, str, object, str]
"""Whether a value is right, its key, the value and the rule."""


def ranges(table: TrainingTable) -> list[Check]:
    """The rules of the levers that go beyond types."""
    weights, memory, full = table.weights, table.memory, table.full
    above = "a finite number above 0"
    return [
        *_above(table.learning_rate, "learning_rate", above),
        *_above(full.learning_rate, "full.learning_rate", above),
        *_within(full.weight_decay, 0.0, 10.0, "full.weight_decay"),
        *_above(table.beta, "beta", above),
        *_above(table.epochs, "epochs", "above 0"),
        *_above(table.clip, "clip", above),
        *_above(weights.rank, "weights.rank", "above 0"),
        *_above(weights.alpha, "weights.alpha", "above 0"),
        *_within(table.warm_up, 0.0, 0.9, "warm_up"),
        *_within(table.weight_decay, 0.0, 10.0, "weight_decay"),
        *_within(table.batch_tokens, 16, 2**24, "batch_tokens"),
        *_within(table.fewest_steps, 0, 2**24, "fewest_steps"),
        *_within(table.checkpoints, 1, 100, "checkpoints"),
        *_within(weights.dropout, 0.0, 0.9, "weights.dropout"),
        *_within(weights.share, 1e-6, 1.0, "weights.share"),
        *_within(memory.pass_tokens, 16, 2**24, "memory.pass_tokens"),
        *_distilled(table),
        *_swept(table.sweep),
    ]


def problems(table: TrainingTable, models: Mapping[str, bool]) -> list[tuple[str, str, str]]:
    """What is wrong with whom a training learns from, and with the weights that it names; *models*
    says of each whether it is local.

    Each with its key and the remedy.
    """
    found = []
    teacher, softened = table.teacher, table.softened
    if teacher is not None and teacher.system not in (*models, *PROMPTING):
        known = ", ".join((*sorted(models), *PROMPTING))
        said = f"{teacher.system!r} is no model of this file and no rung that prompts"
        found.append(("training.teacher.system", said, f"Name one of {known}"))
    if teacher is not None and teacher.samples > 1 and teacher.temperature == 0:
        said = f"is {teacher.samples}, and at the temperature 0 all samples are one"
        found.append(("training.teacher.samples", said, "Give training.teacher.temperature"))
    if teacher is not None and table.objective == "preference":
        said = "is 'preference', which learns from pairs of the data and not from a teacher"
        found.append(("training.objective", said, "Leave out one of the two"))
    if table.beta is not None and table.objective != "preference":
        said = f"has no effect: the objective is {table.objective!r}"
        found.append(("training.beta", said, "It is of objective = 'preference' alone"))
    if (softened is None) == (table.objective == "distillation"):
        said = f"is {table.objective!r}, and training.softened is {_there(softened)}"
        remedy = "Distillation needs [training.softened] with a model; other objectives take none"
        found.append(("training.objective", said, remedy))
    if softened is not None and not models.get(softened.model, False):
        said = f"{softened.model!r} is no model of this file that lies on this machine"
        remedy = "Name one with a path: its distribution is computed beside the training"
        found.append(("training.softened.model", said, remedy))
    if table.engine == "trl" and table.objective != "supervised":
        said = f"is 'trl', which has no objective {table.objective!r} here"
        found.append(("training.engine", said, "Train with engine = 'own', which has it"))
    return found + _patterns(table.weights.layers or ()) + _idle(table)


def left_out(file: Path, table: TrainingTable, tasks: Sequence[Task]) -> tuple[str, ...]:
    """The `train` items that are not taught. Raises `ProjectError` for ids that no task has."""
    return _known(file, "training.without", table.without, tasks)


def rewind(file: Path, table: TrainingTable, tasks: Sequence[Task]) -> Rewind | None:
    """Where a training goes back to. Raises `ProjectError` for what is none, and unknown ids."""
    asked = table.rewind
    if asked is None:
        return None
    if len(asked.recipe) < _SHORT or asked.after < 0 or not asked.without:
        raise ProjectError(
            file=str(file),
            key="training.rewind",
            problem=f"has recipe = {asked.recipe!r}, after = {asked.after} and "
            f"{len(asked.without)} items in without; it must name a recipe by {_SHORT} characters "
            "or more, a step from 0 on, and an item or more",
            remedy="Copy the line that `escalera diagnose` shows for the training",
        )
    items = _known(file, "training.rewind.without", asked.without, tasks)
    return Rewind(recipe=asked.recipe, after=asked.after, items=items)


def require_pairs(
    file: Path, table: TrainingTable, tasks: Sequence[Task], rungs: Sequence[RungName]
) -> None:
    """Raise `ProjectError` where a preference is to be learned that the data do not have."""
    if table.objective != "preference" or not any(name in TRAINING for name in rungs):
        return
    for task in tasks:
        if not any(item.rejected for item in task.items("train")):
            raise ProjectError(
                file=str(file),
                key="training.objective",
                problem=f"is 'preference', and no `train` item of {task.name!r} has a `rejected` "
                "answer beside its target",
                remedy="Add pairs (`escalera label --pairs` collects them; rows with `chosen` and "
                "`rejected` are read as they are), or train with objective = 'supervised'",
            )


def require_teacher(
    file: Path, table: TrainingTable, models: Collection[str], rungs: Sequence[RungName]
) -> None:
    """Raise `ProjectError` where a rung is to teach that is not among those that are climbed."""
    teacher = table.teacher
    if teacher is None or teacher.system in (*models, *rungs):
        return
    if any(name in TRAINING for name in rungs):
        raise ProjectError(
            file=str(file),
            key="training.teacher.system",
            problem=f"{teacher.system!r} is a rung that is not climbed: it puts nothing forward "
            "that could teach",
            remedy="Allow it under climb.rungs, or name a model",
        )


# Below: private.

_SHORT = 8
"""Characters of a digest that are enough to name a training."""


def _patterns(layers: Sequence[str]) -> list[tuple[str, str, str]]:
    """What is no regular expression: told before anything is bought, not when weights learn."""
    found = []
    for pattern in layers:
        try:
            re.compile(pattern)
        except re.error as error:
            said = f"{pattern!r} is no regular expression ({error})"
            remedy = "Name weights like 'layers.3.' or 'mlp'"
            found.append(("training.weights.layers", said, remedy))
    return found


def _idle(table: TrainingTable) -> list[tuple[str, str, str]]:
    """What is of adapters, where weights of the model itself learn."""
    weights, swept = table.weights, table.sweep
    if (methods := {weights.method or "lora", *(swept.method or ())}) & {*ADAPTERS}:
        return []
    said = f"has no effect: no adapter is trained by {' or '.join(map(repr, sorted(methods)))}"
    remedy = "Leave it out, or train an adapter (training.weights.method = 'lora')"
    given = [(f"weights.{name}", getattr(weights, name)) for name in ("rank", "alpha", "targets")]
    given += [(f"sweep.{name}", getattr(swept, name)) for name in OF_ADAPTERS]
    return [(f"training.{name}", said, remedy) for name, value in given if value]


def _known(file: Path, key: str, items: Sequence[str], tasks: Sequence[Task]) -> tuple[str, ...]:
    known = {item.id for task in tasks for item in task.items("train")}
    unknown = [item for item in items if item not in known]
    if unknown:
        raise ProjectError(
            file=str(file),
            key=key,
            problem=f"names {unknown[:3]!r}, and no task has such a `train` item",
            remedy="Name them as `escalera diagnose` shows them: 'TASK/ID', the id as in the row",
        )
    return tuple(sorted(set(items)))


def _there(softened: SoftenedTable | None) -> str:
    return "missing" if softened is None else "there"


def _distilled(table: TrainingTable) -> list[Check]:
    teacher, softened = table.teacher, table.softened
    found: list[Check] = []
    if teacher is not None:
        found += _within(teacher.least, 0.0, 1.0, "teacher.least")
        found += _within(teacher.samples, 1, 100, "teacher.samples")
        found += _within(teacher.temperature, 0.0, 2.0, "teacher.temperature")
    if softened is not None:
        found += _within(softened.temperature, 0.1, 100.0, "softened.temperature")
        found += _within(softened.share, 0.0, 1.0, "softened.share")
    return found


def _above(value: float | str | None, key: str, rule: str) -> list[Check]:
    if value is None or isinstance(value, str):
        return []
    return [(0 < value < float("inf"), f"training.{key}", value, rule)]


_ENDS = {
    "learning_rate": (1e-30, 1e30),
    "warm_up": (0.0, 0.9),
    "weight_decay": (0.0, 10.0),
    "clip": (1e-9, 1e9),
    "dropout": (0.0, 0.9),
    "rank": (1, 4096),
    "epochs": (1, 1000),
    "batch_tokens": (16, 2**24),
}


def _swept(table: SweepTable) -> list[Check]:
    found: list[Check] = [(table.trials > 1, "training.sweep.trials", table.trials, "above 1")]
    for name in RANGES:
        value, (lowest, highest) = getattr(table, name), _ENDS[name]
        rule = f"two numbers from {lowest:g} to {highest:g}, the lower first"
        right = value is None or (len(value) == 2 and lowest <= value[0] < value[1] <= highest)
        found.append((right, f"training.sweep.{name}", value, rule))
    for name in CHOICES:
        value, (lowest, highest) = getattr(table, name), _ENDS.get(name, (0, 0))
        inside = name not in _ENDS or all(lowest <= one <= highest for one in value or ())
        rule = "a list of different values" + (
            f" from {lowest:g} to {highest:g}" if name in _ENDS else ""
        )
        distinct = value is None or (bool(value) and len(set(value)) == len(value))
        found.append((inside and distinct, f"training.sweep.{name}", value, rule))
    return found


def _within(value: float | None, lowest: float, highest: float, key: str) -> list[Check]:
    if value is None:
        return []
    rule = f"a number from {lowest:g} to {highest:g}"
    return [(lowest <= value <= highest, f"training.{key}", value, rule)]
