"""What a finetuning job of the gateway left in the journal."""

from __future__ import annotations

from dataclasses import dataclass, field

from escalera.domain.identity import LATER
from escalera.domain.job import JobOutcome
from escalera.domain.recipe import TrainingRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetuned:
    """A job left an artifact over the recipe's base model, which is asked as `name`.

    It is recorded once it is trained, and again with its `outcome`; the last one of an artifact
    counts. `tasks` are the query types that it may take over: those of the job's gate, or all where
    the job named none. `files` are the ids of the training and the validation file; what was in the
    first is in the recipe, by its digest. `candidate` and `incumbent` are the digests of the routes
    that the gate compared, empty where it did not. `at` is when, in seconds since the epoch.
    `origin` is the name of the finetuned model that the job went on from, whose artifact the recipe
    names; empty where it began with the base.
    """

    job: str
    name: str
    recipe: TrainingRecipe
    adapter: str
    tasks: tuple[str, ...]
    files: tuple[str, ...]
    steps: int
    examples: int
    owner: str = ""
    candidate: str = ""
    incumbent: str = ""
    outcome: JobOutcome | None = None
    at: float | None = field(default=None, metadata=LATER)
    origin: str = field(default="", metadata=LATER)
