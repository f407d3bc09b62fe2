"""What a router reads beside n-grams: the embedding of a message, where a model makes one.

Embeddings are taken less the mean of those that were taught, and scaled to length 1: what all
messages have in common tells none apart. Beside the n-grams, of length 1 too, they take a share of
the squared length, so that what was said of the n-grams' penalty holds for both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from escalera.arrays import np

if TYPE_CHECKING:  # whoever holds embeddings without a router needs no n-grams
    from escalera.core.routing.features import Floats
    from escalera.core.routing.rows import Table


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sensed:
    """The embeddings (d) of texts, by text, and the model of the project that made them.

    `share` (0 to 1) is the part of the features that they are to be.
    """

    model: str
    revision: str
    vectors: Mapping[str, Floats]
    share: float = 0.0

    def table(self, texts: list[str]) -> Table:
        """The embeddings of *texts*, a row each. KeyError for a text that has none."""
        return np.stack([self.vectors[text] for text in texts]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sense:
    """What was learned of the embeddings that `model` makes at `revision`.

    `centre` (d) is the mean that is taken off; `weights` (d x 2 types) add to the margins, then to
    the cosines.
    """

    model: str
    revision: str
    centre: Floats
    weights: Table

    def scores(self, vector: Floats) -> Floats:
        """What an embedding (d) adds to the margins and to the cosines, one after the other.

        ValueError for one of another length: another model made it.
        """
        if vector.shape != self.centre.shape:
            raise ValueError(
                f"the embedding has {vector.size} numbers, the router was learned on "
                f"{self.centre.size} of {self.model!r}: climb again to learn it anew"
            )
        return np.asarray(centred(vector[None], self.centre)[0] @ self.weights)


def centre(table: Table) -> Floats:
    """The mean of embeddings, each scaled to length 1."""
    return np.asarray(_unit(table).mean(axis=0), dtype=np.float32)


def centred(table: Table, middle: Floats) -> Table:
    """Embeddings (n x d) less the mean, of length 1; one without a direction stays zero."""
    return _unit(_unit(table) - middle)


def largest_eigenvalue(table: Table) -> float:
    """Of the inner products of the rows of *table*, which are not all positive: exactly."""
    products = table.T.astype(np.float64) @ table.astype(np.float64)
    return float(np.linalg.eigvalsh(products)[-1])


# Below: private.


def _unit(table: Table) -> Table:
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    return np.asarray(table / np.where(lengths > 1e-12, lengths, 1.0), dtype=np.float32)
