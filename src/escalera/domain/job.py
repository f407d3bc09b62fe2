"""Finetuning jobs: what was asked, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.levers import AUTO, Effort, Hyperparameters, Objective, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import RateTried

JobStatus = Literal[
    "validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"
]
"""As OpenAI's API names them. The last three are for good."""
ENDED: tuple[JobStatus, ...] = ("succeeded", "failed", "cancelled")
Wanted = Literal["", "pause", "cancel"]
"""What a caller wants of a job that a worker has."""
Level = Literal["info", "warn", "error"]
GateWord = Literal["none", "passed", "failed", "inconclusive", "overridden"]
"""What the gate of a job says: `none` where it names no tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The finetuned model that a job goes on from: its base and the weights that this had then, the
    digest of what was learned, and the id of the job that made it. It stands for itself: the name
    may be withdrawn.
    """

    base: str
    revision: str
    adapter: str
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWish:
    """A job as a caller asked for it.

    `model` is a base model of the project file, or a finetuned one, whose `origin` is known then.
    The files are ids. `gate` names tasks of the
    project on which the result is held against what serves them now. `effort` and `trainable` are
    None where the project's own hold.
    """

    model: str
    training_file: str
    validation_file: str = ""
    objective: Objective = "supervised"
    hyperparameters: Hyperparameters = AUTO
    suffix: str = ""
    seed: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    gate: tuple[str, ...] = ()
    effort: Effort | None = None
    trainable: Trainable | None = None
    origin: Origin | None = None

    @property
    def base(self) -> str:
        """The base model of the project file."""
        return self.model if self.origin is None else self.origin.base


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeVerdict:
    """The verdict on one task of a job's gate: its word, a sentence, and the figures by name."""

    task: str
    word: str
    said: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What is known of a job that ended.

    `minutes` are of the accelerator, or of the processor where there is none; `joules` is None
    where the machine does not tell. `licence` is the verdict on base and data for serving what was
    made from them, in words.
    """

    minutes: float = 0.0
    micro_dollars: int | None = None
    joules: float | None = None
    trained_tokens: int = 0
    gate: GateWord = "none"
    verdicts: tuple[TypeVerdict, ...] = ()
    diagnosis: tuple[str, ...] = ()
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMoney:
    """Money of a key that was leased for a job, from the windows that are named."""

    micro_dollars: int
    key_period: str
    account_period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of the queue. Times are seconds since the epoch.

    `owner` is as for a file, and `key` the id of the key that asked; empty where there are no keys.
    `recipe` is what was made of the wish, None until that is settled: its learning rate is None
    while it is looked for, and `tried` are the trials so far. `examples` and `tokens` count what is
    taught in an epoch. `seconds` are what all parts of the work took so far, `reserved` what is
    held of the key's allowance of time for it, and `held` of its money, beside what is `paid` in
    micro-dollars; `began` is when the first part began. `joules` is None where no machine told.
    `wanted` is what the worker is to do next, `worker` who has the job and `beat` when it last said
    so; `starts` is how often it was begun or taken up, `fruitless` how often in a row nothing new
    was kept then, and `reached` how many steps were kept when it was begun last. `error` is why it
    failed, by code, sentence and parameter. `made` is the name of the model that came of it.
    """

    id: str
    wish: JobWish
    created: float
    owner: str = ""
    status: JobStatus = "validating_files"
    wanted: Wanted = ""
    worker: str = ""
    beat: float | None = None
    starts: int = 0
    fruitless: int = 0
    reached: int = 0
    key: str = ""
    recipe: TrainingRecipe | None = None
    tried: tuple[RateTried, ...] = ()
    examples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    reserved: float = 0.0
    held: tuple[HeldMoney, ...] = ()
    paid: int = 0
    joules: float | None = None
    began: float | None = None
    finished: float | None = None
    estimated_finish: float | None = None
    error: tuple[str, str, str] | None = None
    made: str = ""
    outcome: JobOutcome | None = None
    result_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job: a sentence, or `data` of a step (`kind` is `metrics`)."""

    id: str
    job: str
    created: float
    message: str
    level: Level = "info"
    kind: Literal["message", "metrics"] = "message"
    data: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCheckpoint:
    """A state of a job's model that can be asked: the name of it, and what was measured there."""

    id: str
    job: str
    created: float
    step: int
    model: str
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A finetuned model that can be asked by name, which begins with `ft:`.

    `base` is the name of a base model in the project file, and `revision` that of the weights it
    had then, empty where it is not known; `adapter` is the digest of the artifact with what was
    learned. A name stands for one artifact for good. `gate` is what its job's gate said; what
    `failed` or is `inconclusive` answers by its name, but does not get into a project's service
    without a recorded override.
    """

    name: str
    base: str
    adapter: str
    job: str
    created: float
    owner: str = ""
    gate: GateWord = "none"
    revision: str = ""
