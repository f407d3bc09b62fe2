"""A scorer that compares meanings: the embeddings of reply and target, which a model makes."""

from __future__ import annotations

from dataclasses import dataclass

from escalera.domain.identity import digest_of

KIND = "semantic"
"""What the scorer is called in a project file; its identity is this and its options."""

AWAITING = "not compared yet"
"""Why an answer has no score until the embeddings of both texts were there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A scorer that compares the embeddings of reply and target, and the model that makes them.

    `scorer` is what its scores are filed under, `model` a name of the project file, `weights` what
    identifies the model. `version` is the user's word that the model has changed unseen.
    """

    scorer: str
    model: str
    weights: str
    version: str = ""

    @property
    def revision(self) -> str:
        """What its embeddings are kept under: another version shares none with the one before."""
        return digest_of((self.weights, self.version)) if self.version else self.weights


def waits(scorer: str) -> bool:
    """Whether the answers to this scorer wait for embeddings."""
    return scorer.startswith(f"{KIND} ")
