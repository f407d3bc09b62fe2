"""Semantic similarity: the cosine between the embeddings of reply and target.

Near texts have near vectors, but so have a statement and its denial: use it for the topic of an
answer, and a judge for its truth. Where 0.7 lies on the scale depends on the model; look at right
and wrong replies before you set a bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.domain.scoring import Score, Submission
from escalera.edges.scoring.binding import Kind, Means
from escalera.errors import ProviderError, ScorerFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantic:
    """`model`: a NAME of `[models.NAME]` that makes embeddings: a folder, or an endpoint.

    `version` scores every reply anew when it is changed, as after an outage of the endpoint.
    """

    model: str
    version: str = ""


class SemanticScorer:
    """Asks the model for both texts of an answer; a target's vector is kept."""

    def __init__(self, options: Semantic, means: Means) -> None:
        self._encoder = means.embedder(options.model).open()
        self._targets: dict[str, Sequence[float]] = {}

    async def score(self, answer: Submission) -> Score:
        """The cosine, or 0 where it is below; an empty reply says nothing, so it scores 0."""
        if not answer.reply.strip():
            return Score(value=0.0)
        known = self._targets.get(answer.target)
        texts = [answer.reply] if known is not None else [answer.reply, answer.target]
        try:
            found = await self._encoder.embed(texts)
        except ProviderError as error:
            raise ScorerFailed(str(error)) from error
        if known is None:
            known = self._targets[answer.target] = found[1]
        return Score(value=min(1.0, max(0.0, cosine(found[0], known))))

    async def close(self) -> None:
        """Let go of the model."""
        await self._encoder.close()


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """Of the angle between two vectors. Raises `ScorerFailed` where there is none."""
    if len(left) != len(right):
        raise ScorerFailed(f"the embeddings have {len(left)} and {len(right)} numbers")
    lengths = math.hypot(*left) * math.hypot(*right)
    if not 0 < lengths < math.inf:
        raise ScorerFailed("an embedding has no direction")
    return math.fsum(a * b for a, b in zip(left, right, strict=True)) / lengths


# Below: private.


def _prepare(options: Semantic, means: Means) -> str:
    return means.embedder(options.model).revision[:16]


KIND = Kind(options=Semantic, open=SemanticScorer, prepare=_prepare)
