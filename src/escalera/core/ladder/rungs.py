"""The rungs of the ladder and the legal moves between them: one literal table.

Only what a rung is and where it may lead lives here; what is done on a rung lives in the modules
named after it. Adding a rung is one row here, one module beside this one and one how-to page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from escalera.domain.event import Outcome
from escalera.domain.project import RungName

Move = Literal["stop", "climb", "next of group"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One rung.

    `changes` is what the rung changes about a system, `needs` what it cannot do without, `makes`
    what it costs to make and `keeps` what has to be kept alive. `alpha` is the weight
    with which the rungs that are allowed share the project's accepted error. `moves` says where
    each outcome leads.
    """

    name: RungName
    title: str
    changes: str
    needs: str
    makes: str
    keeps: str
    alpha: float
    moves: Mapping[Outcome, Move]


_ALONE: Mapping[Outcome, Move] = {
    "adequate": "stop",
    "undecided": "stop",
    "inadequate": "climb",
    "regressed": "climb",
}
_IN_GROUP: Mapping[Outcome, Move] = {
    "adequate": "next of group",
    "undecided": "next of group",
    "inadequate": "next of group",
    "regressed": "next of group",
}

RUNGS: tuple[Rung, ...] = (
    Rung(
        name="prompt",
        title="Prompt wording",
        changes="the system message and the frame of the message",
        needs="an endpoint",
        makes="calls",
        keeps="one prompt per query type",
        alpha=0.25,
        moves=_ALONE,
    ),
    Rung(
        name="search",
        title="Prompt search",
        changes="instructions that a model writes from the mistakes",
        needs="a model that writes them",
        makes="calls, also to that model",
        keeps="one prompt per query type",
        alpha=0.15,
        moves=_ALONE,
    ),
    Rung(
        name="examples",
        title="Examples and context",
        changes="worked examples, and passages of documents, before the message",
        needs="train items, or documents",
        makes="calls with longer prompts",
        keeps="one longer prompt per query type, and what it chooses from",
        alpha=0.15,
        moves=_ALONE,
    ),
    Rung(
        name="structured",
        title="Structured output",
        changes="how answers are held to the schema of their task",
        needs="a task with a schema",
        makes="calls, more than one where answers are sent back",
        keeps="one prompt and one schema per query type",
        alpha=0.1,
        moves=_ALONE,
    ),
    Rung(
        name="lora",
        title="LoRA on the failing types",
        changes="an adapter for every query",
        needs="weights, or a provider that finetunes; train items",
        makes="one training",
        keeps="one adapter",
        alpha=0.2,
        moves=_ALONE,
    ),
    Rung(
        name="full",
        title="Full finetuning on the failing types",
        changes="all weights, for every query",
        needs="weights, train items, and a LoRA that learned too little",
        makes="one training that holds every weight's gradient and moments",
        keeps="a whole model of its own",
        alpha=0.1,
        moves=_ALONE,
    ),
    Rung(
        name="mixture",
        title="LoRA on a mixture",
        changes="one adapter, trained on the failing types and a replay of the others",
        needs="weights, or a provider that finetunes; train items of every type",
        makes="one longer training",
        keeps="one adapter",
        alpha=0.15,
        moves=_IN_GROUP,
    ),
    Rung(
        name="merge",
        title="Merged adapters",
        changes="one adapter (or model), merged from one per type",
        needs="weights and train items of every type",
        makes="one training per type and a search over weights",
        keeps="one adapter, and one per type to merge again",
        alpha=0.1,
        moves=_IN_GROUP,
    ),
    Rung(
        name="route",
        title="Route over separate models",
        changes="the adapter is used for the failing types only",
        needs="what was finetuned, and the query type declared or inferred",
        makes="nothing new",
        keeps="one adapter beside the base model, behind a route",
        alpha=0.15,
        moves=_IN_GROUP,
    ),
)

GROUP: tuple[RungName, ...] = ("mixture", "merge", "route")
"""The rungs that are built and judged together: the ways out of a regression."""


def rung(name: RungName) -> Rung:
    """The row of the table called *name*."""
    return next(row for row in RUNGS if row.name == name)


def allowed(names: tuple[RungName, ...]) -> tuple[Rung, ...]:
    """The rungs of a project, bottom first, in the order of the table."""
    return tuple(row for row in RUNGS if row.name in names)


def alpha_of(name: RungName, names: tuple[RungName, ...], alpha: float) -> float:
    """The part of *alpha* that one rung may spend: its share among the allowed rungs."""
    total = sum(row.alpha for row in allowed(names))
    return alpha * rung(name).alpha / total
