"""Trainings that a provider does: what it offers, the job for a recipe, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from escalera.domain.levers import Objective
from escalera.domain.training import LossPoint

TuningMethod = Literal["supervised", "dpo", "reinforcement"]
"""How a job teaches, as OpenAI's API names it."""
METHODS: Mapping[Objective, TuningMethod] = {"supervised": "supervised", "preference": "dpo"}
"""What each objective is called there; what is missing is taught on this machine alone."""

HostedState = Literal["begun", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a provider was known to offer on the day `as_of`, by `source`.

    `host` is the end of its host name. `jobs` is whether it takes jobs in OpenAI's shape, `answers`
    whether a finished model can be asked by its name at once; `methods` have the hyperparameters
    that each takes. `weights` says in words which weights learn, `note` what else is to be known.
    """

    provider: str
    host: str
    jobs: bool
    answers: bool
    methods: Mapping[TuningMethod, tuple[str, ...]]
    weights: str
    fewest: int
    as_of: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedJob:
    """A job for a recipe was begun at a provider, or ended without a model.

    It is written before the job is waited for, so that a recipe has one job however often a climb
    is killed. `micro_dollars` is the most that it can cost when it is begun, and what it did cost
    when it ended; None where the price is unknown. `recipe` is the recipe's digest, `endpoint` the
    base URL, and `words` are the provider's.
    """

    recipe: str
    endpoint: str
    job: str
    state: HostedState
    micro_dollars: int | None
    tokens: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedModel:
    """The artifact of a job that succeeded: what its model is called where it answers.

    It takes the place of an adapter: its digest identifies what answers, because no two jobs are
    one. `base` is what the provider calls the model that was finetuned, `data` the digest of the
    examples.
    """

    endpoint: str
    base: str
    model: str
    job: str
    recipe: str
    method: TuningMethod
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedRun:
    """How a job ended: `model` is the name of what it made of `base`, None where it made nothing,
    and then `words` say why.

    `tokens` are those that the provider bills, None where it does not tell. `losses` are of
    training, `logs` files of what the provider told, `seconds` its own clock's, from the creation
    to the end.
    """

    job: str
    base: str
    model: str | None
    words: str
    cancelled: bool
    tokens: int | None
    steps: int
    losses: tuple[LossPoint, ...]
    logs: Mapping[str, bytes]
    seconds: float
