"""The selections that a task's `train` items and documents allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from escalera.core.prompts.fewshot import MIDDLE
from escalera.domain.project import BaseModel
from escalera.domain.selection import SearchMethod, Selection
from escalera.domain.task import Task


def examples(
    task: Task, *, model: BaseModel, embedder: BaseModel | None, tokens: int
) -> tuple[Selection, ...]:
    """The nearest `train` items, by BM25 and, where there is an *embedder*, by embedding.

    *model* is what is prompted: a local one counts the tokens.
    """
    pool = task.pool("examples")
    if not pool.entries:
        return ()
    return tuple(
        Selection(
            kind="examples",
            method=method,
            embedder=named,
            revision=revision,
            count=MIDDLE,
            order="nearest last",
            tokens=tokens,
            tokenizer=_tokenizer(model),
            pool=pool.digest,
        )
        for method, named, revision in _ways(("bm25", "embedding"), embedder)
    )


def passages(task: Task, *, model: BaseModel, embedder: BaseModel | None) -> tuple[Selection, ...]:
    """The best passages of the task's documents, in each of the ways that the project names."""
    context = task.context
    if context is None or not context.passages:
        return ()
    return tuple(
        Selection(
            kind="passages",
            method=method,
            embedder=named,
            revision=revision,
            count=context.top,
            order="nearest first",
            tokens=context.tokens,
            tokenizer=_tokenizer(model),
            pool=context.pool,
        )
        for method, named, revision in _ways(context.methods, embedder)
    )


# Below: private.


def _ways(
    methods: Sequence[SearchMethod], embedder: BaseModel | None
) -> Iterator[tuple[SearchMethod, str, str]]:
    for method in methods:
        if method == "bm25":
            yield method, "", ""
        elif embedder is not None:
            yield method, embedder.name, embedder.revision


def _tokenizer(model: BaseModel) -> str:
    return model.revision if model.trainable else ""
