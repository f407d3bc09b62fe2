"""What a project's examples and passages are chosen with; loaded when something is searched."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from escalera.domain.project import Project
from escalera.ports import Count, Embedder, Retrieval, Search
from escalera.settings.tables import ProjectFile
from escalera.wiring import models


def of(file: Path, tables: ProjectFile, project: Project) -> Retrieval:
    """Search by words, the tokenizer of the project's model, and its models for embeddings."""
    named = (*project.readers, project.embedder, project.router_embedder)
    readers = {model.name: model for model in named if model is not None}

    @lru_cache(maxsize=8)
    def count(tokenizer: str) -> Count:
        return _counter(file, tables, project, tokenizer)

    def embedder(name: str) -> Embedder:
        return models.embedder(file, readers[name], tables.models[name])

    return Retrieval(index=_index, count=count, embedder=embedder)


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
