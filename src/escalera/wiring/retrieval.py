"""What a project's examples and passages are chosen with; loaded when something is searched."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from escalera.domain.project import Project
from escalera.edges.clock import SystemClock
from escalera.ports import Count, Embedder, Retrieval, Search
from escalera.settings.tables import ProjectFile
from escalera.wiring import models


def of(file: Path, tables: ProjectFile, project: Project) -> Retrieval:
    """Search by words, the tokenizer of the project's model, and its model for embeddings."""

    @lru_cache(maxsize=8)
    def count(tokenizer: str) -> Count:
        return _counter(file, tables, project, tokenizer)

    return Retrieval(
        index=_index, count=count, embedder=lambda name: _embedder(file, tables, project, name)
    )


# Below: private.


def _index(texts: Sequence[str]) -> Search:
    from escalera.edges.retrieval import bm25

    return bm25.index(texts)


def _counter(file: Path, tables: ProjectFile, project: Project, tokenizer: str) -> Count:
    """The tokenizer with this revision; where there is none a byte is a token."""
    model = project.model
    here = tokenizer == model.revision and model.trainable
    if here and importlib.util.find_spec("tokenizers") is not None:
        from escalera.edges.retrieval import tokens

        found = tokens.counter(models.folder(file, tables.models[model.name]))
        if found is not None:
            return found
    return lambda text: len(text.encode())


def _embedder(file: Path, tables: ProjectFile, project: Project, name: str) -> Embedder:
    model, table = project.embedder, tables.models[name]
    if model is None or not table.local:
        return models.priced_embedder(name, table)
    models.require_local(f"the embedding model {name!r}")
    from escalera.edges.providers.local_embeddings import LocalEmbeddings

    return LocalEmbeddings(
        model=model,
        folder=models.folder(file, table),
        clock=SystemClock(),
        threads=table.threads or models.cores(),
    )
