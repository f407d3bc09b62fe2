"""Semantic similarity: the cosine between the embeddings of reply and target.

Near texts have near vectors, but so have a statement and its denial: use it for the topic of an
answer, and a judge for its truth. Where 0.7 lies on the scale depends on the model; look at right
and wrong replies before you set a bar.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.domain.scoring import Score, unscored

DIGITS = 5
"""Decimals of a cosine that count: the rest is rounding, which differs between machines."""


def score(reply: NDArray[np.floating[Any]], target: NDArray[np.floating[Any]]) -> Score:
    """The cosine of two vectors, 0 where it is below; without a score where there is no angle."""
    if len(reply) != len(target):
        return unscored(f"the embeddings have {len(reply)} and {len(target)} numbers")
    left, right = reply.astype(np.float64), target.astype(np.float64)
    lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
    if not 0.0 < lengths < np.inf:
        return unscored("an embedding has no direction")
    cosine = round(float(left @ right) / lengths, DIGITS)
    return Score(value=min(1.0, max(0.0, cosine)))
