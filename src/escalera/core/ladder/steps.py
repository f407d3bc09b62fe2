"""What the planner may ask for. The engine performs a step and appends what happened.

Some steps only record a conclusion: they carry the event as it will be appended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from escalera.core.finetuning.rates import RateTrial
from escalera.core.prompts import rendering
from escalera.core.prompts.rewriting import Tried
from escalera.domain.dataset import Example
from escalera.domain.event import (
    Decided,
    Duelled,
    Looked,
    Nominated,
    Opened,
    Priced,
    Proposed,
    Raced,
    Stopped,
)
from escalera.domain.identity import LATER, digest_of
from escalera.domain.message import Request
from escalera.domain.project import RungName
from escalera.domain.recipe import MergePlan, TrainingRecipe
from escalera.domain.screening import Screened
from escalera.domain.selection import Selection
from escalera.domain.sweep import LeverTrial, Sweep
from escalera.domain.system import Material, System

Purpose = Literal["pilot", "screen", "race", "duel", "teach", "checkpoint", "confirm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Ask one system one item; `repeat` counts the samples of an answer that is drawn.

    `material` is what the prompt's selections chose for the item; None where there are none, or
    where they have not chosen yet. What was asked before is bought `anew` in a round of that
    number, 0 being the first time.
    """

    system: System
    item: Example
    repeat: int = 0
    material: Material | None = None
    anew: int = field(default=0, metadata=LATER)

    @property
    def ready(self) -> bool:
        """Whether all that the prompt chooses for the item was chosen."""
        return self.material is not None or not self.system.prompt.selections

    @property
    def request(self) -> Request:
        """What is sent: samples differ in the seed of the decoding."""
        if not self.ready:
            raise AssertionError("a call is made before its material was chosen")
        material = self.material or rendering.NO_MATERIAL
        return rendering.request(
            self.system, self.item.query, repeat=self.repeat, material=material
        )

    @property
    def request_key(self) -> str:
        """What the answer depends on: everything sent, the model, its revision, and the sample."""
        system = self.system
        asked: tuple[object, ...] = (system.model, system.revision, self.request, self.repeat)
        return digest_of((*asked, self.anew) if self.anew else asked)[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Commit to the project before any evidence is bought."""

    event: Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescore:
    """Score replies anew whose task has another scorer now; pairs of task and scorer."""

    tasks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRouter:
    """Learn which query type a message is from the tasks' `train` items."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Choose the material of a prompt for each of *items*."""

    selection: Selection
    items: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """Ask every call of the list that was not asked before; the whole list fixes the batches."""

    rung: RungName
    purpose: Purpose
    task: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Say what a rung will cost, before it is climbed; `title` is what the project calls it."""

    event: Priced
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """Enter systems into a race."""

    events: tuple[Proposed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """End a stage of screening."""

    event: Screened


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """Ask the project's proposer for edits of a prompt.

    `mistakes` are calls of the parent whose answers were wrong, `tried` the edits of the rounds
    before with what they added; `longest` bounds the bytes of what is sent.
    """

    task: str
    round: int
    parent: System
    mistakes: tuple[Call, ...]
    tried: tuple[Tried, ...]
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimise:
    """Let the project's optimiser search for what to say instead of a prompt.

    It may ask `parent` with other prompts about `items`, and the proposer; about `calls` in all.
    """

    task: str
    parent: System
    items: tuple[Example, ...]
    optimiser: str
    calls: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """End a round of the search."""

    event: Duelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Halve:
    """End a round of a race."""

    event: Raced


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRate:
    """Train for a share of the steps to see what a learning rate comes to."""

    rung: RungName
    recipe: TrainingRecipe
    trial: RateTrial


UNSEARCHED = "weights moved by steps: CMA-ES is not installed (pip install 'escalera[local]')"
"""What is said of a merge where nothing can be suggested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggest:
    """Ask the suggester for the levers of a sweep's next trial, after those that were tried."""

    question: str
    sweep: Sweep
    number: int
    tried: tuple[LeverTrial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Make an adapter from data, up to a share of the steps."""

    rung: RungName
    recipe: TrainingRecipe
    until: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Distil:
    """Put together what is taught: the answers to `calls`, which a stronger system gave.

    `asked` items were asked in all, and `score` is the mean of the first answers.
    """

    question: str
    task: str
    calls: tuple[Call, ...]
    least: float
    asked: int
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Make an adapter from adapters."""

    plan: MergePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominate:
    """Put a route forward for confirmation on fresh items."""

    event: Nominated


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Read a question: spends alpha."""

    event: Looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """End a rung for a task, or for the project."""

    event: Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the climb."""

    event: Stopped


Step = (
    Open
    | Rescore
    | FitRouter
    | Select
    | Evaluate
    | Price
    | Propose
    | Screen
    | Rewrite
    | Optimise
    | Duel
    | Halve
    | TryRate
    | Distil
    | Suggest
    | Train
    | Merge
    | Nominate
    | Look
    | Decide
    | Stop
)
