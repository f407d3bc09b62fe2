"""Performing a selection: embeddings are bought where they are needed, then all is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from escalera.core.evidence import Evidence
from escalera.core.ladder import materials
from escalera.core.ladder.steps import Select
from escalera.domain.event import Event
from escalera.domain.project import Project
from escalera.domain.selection import Selected
from escalera.engine.library import Library
from escalera.engine.reading import Reader
from escalera.ports import Artifacts, Retrieval


@dataclass(slots=True, kw_only=True)
class Selector:
    """Chooses the material of prompts and records it.

    `record` appends to the journal and to `evidence`; `reader` buys embeddings.
    """

    project: Project
    evidence: Evidence
    retrieval: Retrieval
    artifacts: Artifacts
    reader: Reader
    record: Callable[[Sequence[Event]], None]
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
        """Choose for every item of *step*, unless a cap of the budget is reached before.

        Raises `ProviderError` where a text cannot be read: the choice would be another without it.
        """
        selection = step.selection
        unread = materials.unread(self.project, self.evidence, step)
        read = await self.reader.read(selection.embedder, selection.revision, unread)
        for error in read.refused.values():
            raise error
        if read.ended:
            return
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
