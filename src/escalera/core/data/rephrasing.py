"""Which texts mean what other texts mean, by their embeddings.

What cosine means "the same" depends on the model that made the embeddings, so pairs are told with
their cosine, as a suspicion: look at them before anything is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024
"""Texts that are compared at a time."""

Vectors = NDArray[np.float32]


def nearest(
    taught: Sequence[Vectors], tested: Vectors, *, least: float
) -> Iterator[tuple[int, int, float]]:
    """For each of *taught* whose nearest of *tested* has a cosine of *least*: both, and the cosine.

    Vectors have the length one (a row each, m x d); of equals the first one is the nearest.
    """
    if not len(tested):
        return
    across = tested.astype(np.float64).T
    for start in range(0, len(taught), BLOCK):
        cosines = np.stack(taught[start : start + BLOCK]).astype(np.float64) @ across
        best = np.argmax(cosines, axis=1)
        for row, place in enumerate(best):
            value = float(cosines[row, place])
            if value >= least:
                yield start + row, int(place), min(value, 1.0)
