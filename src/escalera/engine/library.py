"""What selections choose from, ready to be searched: for a climb and for the request path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from escalera.core.evidence import Row
from escalera.core.ladder import materials
from escalera.core.prompts import choosing, overlap, vectors
from escalera.core.prompts.choosing import Choice
from escalera.domain.dataset import Example
from escalera.domain.identity import digest_of
from escalera.domain.message import Query
from escalera.domain.selection import Passage, Selection
from escalera.domain.system import Material, Prompt
from escalera.domain.task import Pool, Task
from escalera.engine.reading import Kept
from escalera.ports import Artifacts, Embedder, Retrieval, Search


class Library:
    """The pools of some tasks. What is made for a pool (an index, a matrix) is kept.

    `embedded` says where the embeddings of texts are kept, by revision and digest of the text; it
    may grow.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        retrieval: Retrieval,
        artifacts: Artifacts,
        embedded: Mapping[tuple[str, str], Row],
    ) -> None:
        self._tasks = tuple(tasks)
        self._retrieval = retrieval
        self._kept = Kept(artifacts, embedded)
        self._searches: dict[str, Search] = {}
        self._matrices: dict[tuple[str, str], vectors.Vectors] = {}
        self._guards: dict[str, overlap.Twins | overlap.Copies] = {}
        self._embedders: dict[str, Embedder] = {}

    def choose(self, selection: Selection, item: Example) -> Choice:
        """The material for an item under test, without what is that item in disguise."""
        pool = self._pool(selection)
        ranking = self._ranked(selection, pool, item.query, None)
        return self._chosen(selection, pool, ranking, self._guard(selection, pool).of(item))

    async def material(self, prompt: Prompt, query: Query) -> Material:
        """All that the selections of *prompt* choose for a query of a user."""
        found = Material()
        for selection in prompt.selections:
            vector = None
            if selection.method == "embedding":
                vector = await self._read(selection, overlap.said(query))
            more = self.serve(selection, query, vector)
            found = Material(
                shots=found.shots + more.shots, passages=found.passages + more.passages
            )
        return found

    async def close(self) -> None:
        """Close what was asked for embeddings."""
        for embedder in self._embedders.values():
            await embedder.close()

    async def _read(self, selection: Selection, text: str) -> Sequence[float]:
        """The embedding of what a user writes; it is not kept."""
        if selection.embedder not in self._embedders:
            self._embedders[selection.embedder] = self._retrieval.embedder(selection.embedder)
        found = await self._embedders[selection.embedder].embed([text])
        return found.vectors[0]

    def serve(self, selection: Selection, query: Query, vector: Sequence[float] | None) -> Material:
        """The material for a query of a user, which is no item under test.

        `vector` is the query's embedding, for a selection that compares embeddings.
        """
        pool = self._pool(selection)
        ranking = self._ranked(selection, pool, query, vector)
        found = self._chosen(selection, pool, ranking, frozenset())
        return choosing.material(pool, found.chosen)

    def _pool(self, selection: Selection) -> Pool:
        return materials.task_of(self._tasks, selection).pool(selection.kind)

    def _chosen(
        self, selection: Selection, pool: Pool, ranking: Sequence[int], leaking: frozenset[int]
    ) -> Choice:
        return choosing.choose(
            selection,
            [*pool.entries.values()],
            ranking,
            leaking=leaking,
            count=self._retrieval.count(selection.tokenizer),
        )

    def _ranked(
        self, selection: Selection, pool: Pool, query: Query, vector: Sequence[float] | None
    ) -> Sequence[int]:
        text = overlap.said(query)
        if selection.method == "bm25":
            return self._search(pool)(text)
        if vector is None:
            asked = self._kept.vector(selection.revision, digest_of(text))
        else:
            asked = vectors.from_files(vectors.to_files([vector]))[0]
        return vectors.nearest(self._matrix(selection, pool), asked)

    def _search(self, pool: Pool) -> Search:
        found = self._searches.get(pool.digest)
        if found is None:
            texts = [choosing.searched(entry) for entry in pool.entries.values()]
            found = self._searches[pool.digest] = self._retrieval.index(texts)
        return found

    def _matrix(self, selection: Selection, pool: Pool) -> vectors.Vectors:
        key = (pool.digest, selection.revision)
        found = self._matrices.get(key)
        if found is None:
            texts = [digest_of(choosing.searched(entry)) for entry in pool.entries.values()]
            rows = [self._kept.vector(selection.revision, text) for text in texts]
            found = self._matrices[key] = np.stack(rows)
        return found

    def _guard(self, selection: Selection, pool: Pool) -> overlap.Twins | overlap.Copies:
        found = self._guards.get(pool.digest)
        if found is None:
            entries = [*pool.entries.values()]
            if selection.kind == "examples":
                found = overlap.Twins([e for e in entries if isinstance(e, Example)])
            else:
                found = overlap.Copies([e for e in entries if isinstance(e, Passage)])
            self._guards[pool.digest] = found
        return found
