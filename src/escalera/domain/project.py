"""A project: everything the planner may know before there is evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from escalera.domain.contract import OutputMode
from escalera.domain.identity import LATER
from escalera.domain.judge import Panel
from escalera.domain.levers import (
    BETA,
    Engine,
    Hyperparameters,
    Levers,
    Objective,
    Softened,
    Trainable,
)
from escalera.domain.likeness import Likeness
from escalera.domain.optimiser import Optimiser
from escalera.domain.recipe import Rewind
from escalera.domain.service import Service
from escalera.domain.task import Task

RungName = Literal[
    "prompt", "search", "examples", "structured", "lora", "full", "mixture", "merge", "route"
]
RUNGS: tuple[RungName, ...] = get_args(RungName)
PROMPTING: tuple[RungName, ...] = ("prompt", "search", "examples", "structured")
"""The rungs that change what a model is asked, and nothing that has to be trained."""
TRAINING: tuple[RungName, ...] = tuple(rung for rung in RUNGS if rung not in PROMPTING)
"""The rungs that train."""
Replayed = Literal["targets", "own"]
"""The items' targets, or those of the base model's own answers that are good enough."""
Spending = Literal["obrien-fleming", "pocock"]
QueryType = Literal["inferred", "declared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard caps of a climb; None is no cap."""

    micro_dollars: int | None = None
    calls: int | None = None
    tokens: int | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """Micro-dollars per million tokens."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """The model that is adapted: its name in the project file and what identifies its weights.

    `trainable` is whether adapters can be trained for it here; `price` is None when unknown, and
    `tuned_price` is that of models which its provider finetuned; `output` are the ways in which its
    answers can be held to a schema.
    """

    name: str
    revision: str
    trainable: bool
    price: ModelPrice | None
    output: tuple[OutputMode, ...] = field(default=(), metadata=LATER)
    tuned_price: ModelPrice | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How decisions are made.

    `alpha` is the chance of a wrong claim that is accepted for the whole climb; `looks` are the
    shares of the confirm items after which a verdict may be read, and `spending` how much of the
    error an early one may spend; `query_type` says whether the
    caller declares the type of a query or a router infers it. `operators` names the prompt
    operators that may be tried, None all. Examples that are chosen for each query are at most
    `example_tokens` together. What a training has learned is measured `checkpoints` times, at even
    distances and at its end. A mixture replays the other tasks' examples at the ratio `replay`,
    None where pilots are to find it; `replayed` says which answers to them are taught.
    """

    alpha: float = 0.05
    looks: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    spending: Spending = "obrien-fleming"
    query_type: QueryType = "inferred"
    rungs: tuple[RungName, ...] = RUNGS
    operators: tuple[str, ...] | None = None
    replay: float | None = 0.25
    seed: int = 0
    example_tokens: int = field(default=4000, metadata=LATER)
    checkpoints: int = field(default=3, metadata=LATER)
    replayed: Replayed = field(default="targets", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Whose answers to the `train` items are taught instead of their targets.

    `model` is told all that the project says of a task; where it is None, `rung` names what is
    asked: the system that a prompting rung put forward for the task. An answer is good enough from
    a score of `least` on (None: 1, or the task's bar where a judge scores); an item without such an
    answer is asked again, with another seed, up to `samples` times, and then not taught.
    """

    model: BaseModel | None = None
    rung: RungName | None = None
    least: float | None = None
    samples: int = 1
    temperature: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """The provider of the model does the trainings, by jobs that are asked for `hyperparameters`.

    `price` is in micro-dollars per million training tokens, None where it is unknown.
    """

    hyperparameters: Hyperparameters
    price: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Tasks with bars, the base model, policy, budget and training levers.

    `judges` are the panels that score answers, and `graders` the models that grade in them;
    `proposer` is the model that writes edits of prompts, None where no model does, and `optimiser`
    the tool that searches with it instead of Escalera's own rounds; `embedder` is the one whose
    embeddings examples and passages may be chosen by, and `router_embedder` the one whose
    embeddings a router may read. `likenesses` are the scorers
    that compare embeddings, and `readers` the models that make those. `without` are ids of
    `train` items that are not taught. `full` are the levers of the rung on which all weights learn,
    None where it is not allowed. `service` says what a system will be used for, None where systems
    are weighed by counting what they take. `teacher` is whose answers are taught, None where it is
    the items' own targets; `softened` the model whose distribution is learned. `bases` are other
    models that may be asked besides `model`, as pilots do. `strangers` are messages that are known
    to be of no task, which the router is taught. `hosting` is there where the model's provider does
    the trainings; `rewind` where a training goes back to a step, and on without some examples.
    """

    name: str
    model: BaseModel
    tasks: tuple[Task, ...]
    policy: Policy
    budget: Budget
    trainable: Trainable
    levers: Levers
    full: Levers | None = field(default=None, metadata=LATER)
    objective: Objective = field(default="supervised", metadata=LATER)
    beta: float = field(default=BETA, metadata=LATER)
    engine: Engine = field(default="own", metadata=LATER)
    judges: tuple[Panel, ...] = ()
    graders: tuple[BaseModel, ...] = ()
    proposer: BaseModel | None = None
    service: Service | None = field(default=None, metadata=LATER)
    optimiser: Optimiser | None = field(default=None, metadata=LATER)
    embedder: BaseModel | None = field(default=None, metadata=LATER)
    router_embedder: BaseModel | None = field(default=None, metadata=LATER)
    likenesses: tuple[Likeness, ...] = field(default=(), metadata=LATER)
    readers: tuple[BaseModel, ...] = field(default=(), metadata=LATER)
    without: tuple[str, ...] = field(default=(), metadata=LATER)
    teacher: Teacher | None = field(default=None, metadata=LATER)
    softened: Softened | None = field(default=None, metadata=LATER)
    bases: tuple[BaseModel, ...] = field(default=(), metadata=LATER)
    strangers: tuple[str, ...] = field(default=(), metadata=LATER)
    hosting: Hosting | None = field(default=None, metadata=LATER)
    rewind: Rewind | None = field(default=None, metadata=LATER)

    def panel(self, scorer: str) -> Panel | None:
        """The judges behind a scorer, or None where it is no judge."""
        return next((panel for panel in self.judges if panel.scorer == scorer), None)

    def grades(self, task: str) -> int:
        """How many grades an answer to *task* needs: none where no judge scores it."""
        panel = self.panel(self.task(task).scorer)
        return 0 if panel is None else panel.grades

    def likeness(self, scorer: str) -> Likeness | None:
        """The comparison behind a scorer, or None where it compares no embeddings."""
        return next((one for one in self.likenesses if one.scorer == scorer), None)

    def reads(self, task: str) -> int:
        """How many calls for embeddings an answer to *task* needs at the most."""
        return 0 if self.likeness(self.task(task).scorer) is None else 1

    def task(self, name: str) -> Task:
        """The task called *name*; KeyError when there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)
