"""Embeddings of texts: kept as a plain array, compared by the cosine of their angle."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FILE = "vectors.npy"
DIGITS = 5
"""Decimals of a cosine that count: the rest is rounding, which differs between machines."""

Vectors = NDArray[np.float32]


def to_files(vectors: Sequence[Sequence[float]]) -> dict[str, bytes]:
    """The file that holds the vectors, a row each, of length one (a zero stays zero)."""
    rows = np.array(vectors, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1.0)
    buffer = io.BytesIO()
    np.save(buffer, unit.astype(np.float32), allow_pickle=False)
    return {FILE: buffer.getvalue()}


def from_files(files: Mapping[str, bytes]) -> Vectors:
    """The vectors in a file that `to_files` made."""
    found: Vectors = np.load(io.BytesIO(files[FILE]), allow_pickle=False)
    return found


def nearest(pool: Vectors, query: Vectors) -> list[int]:
    """Places of the rows of *pool* (n x d), the most alike to *query* (d) first.

    Ties keep the order of the pool.
    """
    cosines = np.round(pool.astype(np.float64) @ query.astype(np.float64), DIGITS)
    return [int(place) for place in np.argsort(-cosines, kind="stable")]
