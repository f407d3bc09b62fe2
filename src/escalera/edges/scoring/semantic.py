"""Semantic similarity as a project file names it: a model that makes embeddings.

The scorer itself is `core.evaluation.meaning`. What it needs is bought by the engine, under the
caps and into the journal, so answers wait until their embeddings are there (`domain.likeness`).
"""

from __future__ import annotations

from dataclasses import dataclass

from escalera.edges.scoring.binding import Kind, Means


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantic:
    """`model`: a NAME of `[models.NAME]` that makes embeddings: a folder, or an endpoint.

    `version` scores every reply anew when it is changed, as after an endpoint has changed its
    model under the same name.
    """

    model: str
    version: str = ""


# Below: private.


def _prepare(options: Semantic, means: Means) -> str:
    return means.embeds(options.model)[:16]


KIND = Kind(options=Semantic, prepare=_prepare)
