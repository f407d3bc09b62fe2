"""What a router reads of a message beside its n-grams."""

from __future__ import annotations

from dataclasses import dataclass

from escalera.domain.verdict import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingsWeighed:
    """Whether a router reads embeddings, by the model and revision that make them.

    `gain` is what they added to the share of `train` items told right, among items that were left
    out in turn; None where none could be. `share` is the part of the features that they are: 0
    where the interval of the gain includes 0, and then the router reads none. `unread` items have
    no embedding, because the model refused their texts.
    """

    model: str
    revision: str
    share: float
    gain: Figure | None
    unread: int
