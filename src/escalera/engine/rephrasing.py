"""Finding questions that are taught in other words than they are tested, by embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from escalera.core.data import rephrasing, wording
from escalera.core.prompts import overlap
from escalera.domain.dataset import Example
from escalera.domain.event import Event
from escalera.domain.identity import digest_of
from escalera.domain.project import BaseModel, Project
from escalera.engine.measuring import Means
from escalera.engine.purse import Purse
from escalera.engine.reading import Kept, Reader
from escalera.errors import EvidenceMissing, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspected:
    """A taught item that may mean what a tested one means: the cosine of their embeddings."""

    taught: Example
    tested: Example
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rephrasings:
    """The pairs that are suspected, the nearest first, and how many items could not be read."""

    pairs: tuple[Suspected, ...]
    unread: int


def find(project: Project, means: Means, *, least: float) -> Rephrasings:
    """Taught items whose question is as near as *least* to a tested one, and the answer the same.

    Buys the embeddings that the journal does not hold, under the caps. Raises `InputError` without
    a model for embeddings, `EvidenceMissing` where a cap is reached before, `ProviderError` where
    the endpoint stays away.
    """
    model = project.embedder
    if model is None:
        raise InputError(
            "rephrasings are found by embeddings, and the project names no model for them: set "
            "climb.embedding"
        )
    items = [item for task in project.tasks for item in task.examples]
    texts = {_digest(item): overlap.said(item.query) for item in items}
    refused = asyncio.run(_read(model, texts, means))
    read = [item for item in items if _digest(item) not in refused]
    taught = [item for item in read if item.split == "train"]
    tested = [item for item in read if item.split != "train"]
    kept = Kept(means.artifacts, means.evidence.embedded)
    rows = [[kept.vector(model.revision, _digest(item)) for item in s] for s in (taught, tested)]
    near = rephrasing.nearest(rows[0], np.array(rows[1], dtype=np.float32), least=least)
    found = [Suspected(taught=taught[n], tested=tested[m], cosine=value) for n, m, value in near]
    same = [one for one in found if wording.same_answer(one.taught.target, one.tested.target)]
    pairs = tuple(sorted(same, key=lambda one: -one.cosine))
    return Rephrasings(pairs=pairs, unread=len(items) - len(read))


# Below: private.


def _digest(item: Example) -> str:
    return digest_of(overlap.said(item.query))


async def _read(model: BaseModel, texts: Mapping[str, str], means: Means) -> frozenset[str]:
    """Buy embeddings; the digests of texts that the endpoint refuses."""
    evidence = means.evidence

    def record(events: Sequence[Event]) -> None:
        means.journal.append(events)
        for event in events:
            evidence.apply(event)

    reader = Reader(
        evidence=evidence,
        retrieval=means.retrieval,
        artifacts=means.artifacts,
        purse=Purse(means.caps, evidence, record),
        record=record,
        progress=means.progress,
    )
    try:
        found = await reader.read(model.name, model.revision, texts)
    finally:
        await reader.close()
    if found.ended:
        raise EvidenceMissing(
            "a cap of the budget was reached before all questions had embeddings: raise it, and "
            "run this again; what was bought is kept"
        )
    return frozenset(found.refused)
