"""Reading texts: embeddings are bought in batches under the caps, and kept by content.

Every batch is in the journal and in the store before the next is asked for: what was bought before
a kill is used after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from escalera.core.evidence import Evidence, Row
from escalera.core.prompts import vectors
from escalera.core.routing.sense import Sensed
from escalera.domain.event import Event
from escalera.domain.message import Embeddings
from escalera.domain.project import BaseModel
from escalera.domain.selection import Embedded
from escalera.engine.purse import Purse
from escalera.errors import BadReply, CallFailed, EvidenceMissing, ProviderError, RequestRejected
from escalera.ports import Artifacts, Embedder, Progress, Retrieval

BATCH = 64
"""Texts of one call for embeddings."""

_IN_A_ROW = 3
"""Texts that an endpoint fails at before any other, after which it is taken to fail at all."""


@dataclass(slots=True, kw_only=True)
class Read:
    """How reading went: `ended` when a cap was reached before the last text.

    `refused` holds, by digest, the texts that the endpoint will not read (too long, often) while it
    reads others.
    """

    ended: bool = False
    refused: dict[str, ProviderError] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Reader:
    """Buys embeddings and records them; a model that was opened stays so until `close`.

    `record` appends to the journal and to `evidence`; `purse` is shared with whatever else buys
    calls for the project.
    """

    evidence: Evidence
    retrieval: Retrieval
    artifacts: Artifacts
    purse: Purse
    record: Callable[[Sequence[Event]], None]
    progress: Progress
    _open: dict[str, Embedder] = field(default_factory=dict)

    async def read(self, model: str, revision: str, texts: Mapping[str, str]) -> Read:
        """Buy what the evidence lacks of *texts* (by their digests) from the model of that name.

        A batch that the endpoint fails at is asked for in halves, until the text is found that it
        fails at. Raises `ProviderError` where it is not there, or fails at everything.
        """
        known = self.evidence.embedded
        left = [(digest, text) for digest, text in texts.items() if (revision, digest) not in known]
        if not left:
            return Read()
        try:
            return await self._read(model, revision, left)
        finally:
            self.purse.settle()

    async def close(self) -> None:
        """Close what was asked; it is opened again when it is needed."""
        while self._open:
            _, embedder = self._open.popitem()
            await embedder.close()

    async def _read(self, model: str, revision: str, left: list[tuple[str, str]]) -> Read:
        found, total, most, answered = Read(), len(left), BATCH, False
        while left:
            batch = await self._affordable(model, left[:most])
            if not batch:
                found.ended = True
                break
            try:
                await self._buy(model, revision, batch)
            except (RequestRejected, CallFailed, BadReply) as error:
                if len(batch) > 1:
                    most = len(batch) // 2
                    continue
                found.refused[next(iter(batch))] = error
                if not answered and len(found.refused) == _IN_A_ROW:
                    raise
            else:
                answered, most = True, min(BATCH, 2 * most)
            left = left[len(batch) :]
            self.progress("embeddings", total - len(left), total)
        failed = [e for e in found.refused.values() if not isinstance(e, RequestRejected)]
        if failed and not answered:
            raise failed[0]
        return found

    async def _buy(self, model: str, revision: str, batch: Mapping[str, str]) -> None:
        if model not in self._open:
            self._open[model] = self.retrieval.embedder(model)
        with self.purse.reserved(self.purse.caps.reading(model, batch.values())):
            await self.purse.secured()
            found = await self._open[model].embed([*batch.values()])
            self.record([self._embedded(model, revision, batch, found)])

    async def _affordable(self, model: str, texts: Sequence[tuple[str, str]]) -> dict[str, str]:
        """All of *texts*, or as many of the first as the caps allow, to half of them or less."""
        while texts:
            cost = self.purse.caps.reading(model, [text for _, text in texts])
            if await self.purse.affords(cost):
                break
            texts = texts[: len(texts) // 2]
        return dict(texts)

    def _embedded(
        self, model: str, revision: str, batch: Mapping[str, str], found: Embeddings
    ) -> Embedded:
        return Embedded(
            model=model,
            revision=revision,
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


class Kept:
    """The embeddings that were bought, read from the store and held for a while.

    `embedded` says where they are kept, by revision and digest of the text; it may grow.
    """

    def __init__(self, artifacts: Artifacts, embedded: Mapping[tuple[str, str], Row]) -> None:
        self._artifacts = artifacts
        self._embedded = embedded
        self._stored = lru_cache(maxsize=64)(self._load)

    def vector(self, revision: str, text: str) -> vectors.Vectors:
        """The embedding of a text by its digest. Raises `EvidenceMissing` where there is none."""
        where = self._embedded.get((revision, text))
        if where is None:
            raise EvidenceMissing(
                f"the embedding of the text {text[:12]} by the model {revision[:12]} is not in the "
                "journal: climb again"
            )
        row: vectors.Vectors = self._stored(where.vectors)[where.row]
        return row

    def _load(self, artifact: str) -> vectors.Vectors:
        folder = self._artifacts.path(artifact)
        return vectors.from_files({f.name: f.read_bytes() for f in folder.iterdir()})


Buy = Callable[[str, str, Mapping[str, str]], Awaitable[Read]]
"""Buys embeddings from a model at a revision, of texts by their digests: `Reader.read`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What has embeddings of some texts; None where a cap was reached before the last of them."""

    evidence: Evidence
    artifacts: Artifacts
    buy: Buy

    async def of(self, model: BaseModel, texts: Mapping[str, str]) -> Sensed | None:
        """The embeddings of *texts* (by digest) but of those that the model refuses."""
        read = await self.buy(model.name, model.revision, texts)
        if read.ended:
            return None
        kept = Kept(self.artifacts, self.evidence.embedded)
        return Sensed(
            model=model.name,
            revision=model.revision,
            vectors={
                text: kept.vector(model.revision, digest)
                for digest, text in texts.items()
                if digest not in read.refused
            },
        )
