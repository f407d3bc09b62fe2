"""Answers that systems gave, for people to label: at random, and without saying whose they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from escalera.core.evidence import Evidence
from escalera.core.ladder import materials
from escalera.core.ladder.steps import Call
from escalera.core.prompts import rendering
from escalera.domain.dataset import Example, Examples, Split
from escalera.domain.event import Observed
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.ports import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One item with the answer of every route, None where an endpoint refused it."""

    item: Example
    replies: tuple[str | None, ...]

    def texts(self) -> tuple[str, ...]:
        """The answers, each once, sorted by their text: the order does not tell whose they are."""
        return tuple(sorted({reply for reply in self.replies if reply is not None}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where answers are read; `evidence` is that of the journal."""

    project: Project
    evidence: Evidence
    journal: Journal


def drawn(
    source: Source,
    task: Task,
    routes: Sequence[Route],
    *,
    split: Split,
    count: int | None = None,
    without: Collection[str] = (),
) -> tuple[Answered, ...]:
    """The first *count* items of *task* that all *routes* answered, or all.

    The order is keyed by the project's seed and knows nothing of the answers, so that labels given
    in several sittings are one random sample. Items whose ids are in *without* are left out.
    """
    evidence = source.evidence
    answered = Examples(
        item
        for item in task.items(split)
        if item.id not in without
        and all(evidence.asked(evidence.answering(route, item), item) for route in routes)
    )
    return tuple(
        Answered(item=item, replies=_replies(source, routes, item))
        for item in islice(answered.in_order(seed=source.project.policy.seed + 1), count)
    )


# Below: private.


def _replies(source: Source, routes: Sequence[Route], item: Example) -> tuple[str | None, ...]:
    evidence = source.evidence
    calls = [
        materials.call(source.project, evidence, evidence.answering(route, item), item)
        for route in routes
    ]
    known = source.journal.bought([call.request_key for call in calls])
    return tuple(_text(call, known[call.request_key]) for call in calls)


def _text(call: Call, found: Observed) -> str | None:
    """The answer in a reply, or None where the endpoint refused the request."""
    return None if found.finish is None else rendering.answer(call.system.prompt, found.reply)
