"""What a diagnosis reads: a training's recipe, its log, its examples, and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass

from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import StepSignal, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """One training example, by its place in the training.

    `twins` are the places of the examples that are this one in disguise, and `tested` the ids of
    the `search` and `confirm` items that are.
    """

    item: str
    task: str
    input: str
    target: str
    twins: tuple[int, ...] = ()
    tested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The mean score on `items` items that were not taught, after `step` steps (0: before).

    `right` is the share of them that have the whole score, None where only the mean is known;
    `change` is how far the score lies above what it was before the training, None where unknown.
    """

    step: int
    score: float
    items: int
    right: float | None = None
    change: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The right answer of an item that is not taught, and its task."""

    task: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One training, all of it known from the journal, the artifacts and the data.

    `wanted` are the answers of the `search` items, `held_out` scores on such items, in the order
    of their steps; both may be empty. `tested` counts the `search` and `confirm` items. `told` is
    None where the trainer did not say it, `refused` what serving said of the adapter's template,
    None where it took it or was not asked.
    """

    recipe: TrainingRecipe
    signals: tuple[StepSignal, ...]
    planned: int
    examples: tuple[Taught, ...]
    wanted: tuple[Wanted, ...] = ()
    tested: int = 0
    held_out: tuple[Held, ...] = ()
    told: Told | None = None
    refused: str | None = None
