"""Plans that make an adapter: a training or a merge. Equal plans are never run twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.identity import LATER, digest_of
from escalera.domain.levers import (
    BETA,
    Engine,
    Hyperparameters,
    Levers,
    Objective,
    Softened,
    Trainable,
)
from escalera.domain.message import Message
from escalera.domain.system import Prompt

MergeMethod = Literal["concatenate", "linear", "ties", "knots_ties"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """Training examples of one task under the prompt that the system will use for it.

    `examples` is how many of the task's `train` items are taken: in the project's order, or, where
    `order` is a number, in the order that it seeds. Subsets of one order are nested. `data` is the
    digest of exactly those items. `without` are ids of items that are left out of those. Where
    it is `paired`, only items with a rejected answer are taken. Where `answers` names an artifact,
    what is taught are the answers in it, of a stronger system, and not the items' own. Where `file`
    is the SHA-256 of a file of conversations, those are what is taught: they are no task's, and
    stand for themselves without a prompt.
    """

    task: str
    prompt: Prompt
    examples: int
    data: str
    order: int | None = field(default=None, metadata=LATER)
    without: tuple[str, ...] = field(default=(), metadata=LATER)
    paired: bool = field(default=False, metadata=LATER)
    answers: str = field(default="", metadata=LATER)
    file: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewind:
    """A training goes back to where `after` steps were done, and on without the examples `items`.

    `recipe` is the digest of that training, or how it begins. Steps until there are as they were;
    those behind have the same batches without these examples, at the same learning rates.
    """

    recipe: str
    after: int
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """What learns, from what, towards what, with which levers.

    The objective `supervised` teaches the answers; `preference` is direct preference optimisation
    (Rafailov et al. 2023, arXiv 2305.18290, equation 7), which needs a rejected answer beside each
    right one and holds to the model before training with the strength `beta`; `distillation`
    learns what another model would say at every token of an answer, `softened`. `engine` is what
    does the steps. `hosted` is what a provider's job is asked for: then the provider trains, and of
    the levers the epochs and the seed alone count. `rewound` says which training this one is from a
    step on, and what it leaves out behind it. Where `origin` names an artifact, the training begins
    with what is in it, and not with the base as it is.
    """

    model: str
    revision: str
    ingredients: tuple[Ingredient, ...]
    trainable: Trainable
    levers: Levers
    objective: Objective = "supervised"
    beta: float = BETA
    engine: Engine = field(default="own", metadata=LATER)
    softened: Softened | None = field(default=None, metadata=LATER)
    hosted: Hyperparameters | None = field(default=None, metadata=LATER)
    rewound: Rewind | None = field(default=None, metadata=LATER)
    origin: str = field(default="", metadata=LATER)

    @property
    def digest(self) -> str:
        """Content hash of the recipe."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPair:
    """One conversation and the answer that the model is taught to give.

    `rejected` is an answer that it is taught not to give, where the objective compares two; `task`
    and `item` say where the pair comes from, and pairs of one `cluster` share luck.
    """

    messages: tuple[Message, ...]
    target: str
    rejected: str | None = None
    task: str = ""
    item: str = ""
    cluster: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedAdapter:
    """One input of a merge."""

    adapter: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePlan:
    """Adapters of one base model merged into one, or trained weights of that model.

    `concatenate` is exact (ranks add up), `linear` and `ties` keep the rank of the inputs
    (TIES: Yadav et al. 2023, arXiv 2306.01708; `density` is the share of weights kept). Of weights,
    `linear` is the exact sum of their changes.
    """

    method: MergeMethod
    adapters: tuple[WeightedAdapter, ...]
    density: float = 1.0

    @property
    def digest(self) -> str:
        """Content hash of the plan."""
        return digest_of(self)
