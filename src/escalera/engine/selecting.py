"""Performing a selection: embeddings are bought where they are needed, then everything is chosen.

Embeddings are kept by content, a batch at a time: what was bought before a kill is used after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from escalera.core.evidence import Evidence
from escalera.core.ladder import materials
from escalera.core.ladder.steps import Select
from escalera.core.prompts import vectors
from escalera.domain.event import Event
from escalera.domain.message import Embeddings
from escalera.domain.project import Project
from escalera.domain.selection import Embedded, Selected, Selection
from escalera.engine.library import Library
from escalera.engine.purse import Purse
from escalera.ports import Artifacts, Progress, Retrieval

BATCH = 64
"""Texts of one call for embeddings."""


@dataclass(slots=True, kw_only=True)
class Selector:
    """Chooses the material of prompts and records it.

    `record` appends to the journal and to `evidence`; `purse` is shared with whatever else buys
    calls for the project.
    """

    project: Project
    evidence: Evidence
    retrieval: Retrieval
    artifacts: Artifacts
    purse: Purse
    record: Callable[[Sequence[Event]], None]
    progress: Progress
    _library: Library = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the pools; nothing is indexed before it is searched."""
        self._library = Library(
            self.project.tasks,
            retrieval=self.retrieval,
            artifacts=self.artifacts,
            embedded=self.evidence.embedded,
        )

    async def perform(self, step: Select) -> None:
        """Choose for every item of *step*, unless a cap of the budget is reached before."""
        unread = materials.unread(self.project, self.evidence, step)
        if unread and not await self._paid(step, unread):
            return
        selection = step.selection
        found = [(item, self._library.choose(selection, item)) for item in step.items]
        self.record(
            [
                Selected(
                    selection=selection.digest,
                    item=item.id,
                    item_digest=item.digest,
                    chosen=choice.chosen,
                    leaks=choice.leaks,
                    dropped=choice.dropped,
                    tokens=choice.tokens,
                )
                for item, choice in found
            ]
        )

    async def _paid(self, step: Select, unread: Mapping[str, str]) -> bool:
        try:
            return await self._read(step, unread)
        finally:
            self.purse.settle()

    async def _read(self, step: Select, unread: Mapping[str, str]) -> bool:
        """Buy the embeddings of texts by their digests; False when a cap is reached before."""
        name, left = step.selection.embedder, [*unread.items()]
        embedder = self.retrieval.embedder(name)
        try:
            while left:
                batch = await self._affordable(name, left[:BATCH])
                if not batch:
                    return False
                with self.purse.reserved(self.purse.caps.reading(name, batch.values())):
                    await self.purse.secured()
                    found = await embedder.embed([*batch.values()])
                    self.record([self._embedded(step.selection, batch, found)])
                left = left[len(batch) :]
                self.progress("embeddings", len(unread) - len(left), len(unread))
        finally:
            await embedder.close()
        return True

    async def _affordable(self, name: str, texts: Sequence[tuple[str, str]]) -> dict[str, str]:
        """All of *texts*, or as many of the first as the caps allow, to half of them or less."""
        while texts:
            cost = self.purse.caps.reading(name, [text for _, text in texts])
            if await self.purse.affords(cost):
                break
            texts = texts[: len(texts) // 2]
        return dict(texts)

    def _embedded(
        self, selection: Selection, batch: Mapping[str, str], found: Embeddings
    ) -> Embedded:
        return Embedded(
            model=selection.embedder,
            revision=selection.revision,
            texts=tuple(batch),
            vectors=self._store(found.vectors),
            usage=found.usage,
            micro_dollars=found.micro_dollars,
            seconds=found.seconds,
        )

    def _store(self, found: Sequence[Sequence[float]]) -> str:
        folder = self.artifacts.scratch()
        try:
            for name, content in vectors.to_files(found).items():
                (folder / name).write_bytes(content)
            return self.artifacts.put(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
