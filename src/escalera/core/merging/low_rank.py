"""Changes of low rank: a product B A of two thin factors, summed, aligned and approximated.

The best approximation of rank r of a matrix (in the Frobenius norm) is its singular value
decomposition, cut off (Eckart and Young 1936). For a sum of thin products it needs no full matrix:
with [B1 ... Bk] = Q R and [A1; ...; Ak]^T = P S, the decomposition of the small R S^T gives that of
the sum, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Factors = tuple[Matrix, Matrix]
"""B (outputs x rank) and A (rank x inputs)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Approximated:
    """Factors, the squared norm of what they stand for, and of what was cut off."""

    factors: Factors
    whole: float
    lost: float = 0.0


def concatenated(parts: Sequence[Factors]) -> Factors:
    """The exact sum of products: ranks add up."""
    return np.concatenate([b for b, _ in parts], axis=1), np.concatenate([a for _, a in parts])


def best_sum(parts: Sequence[Factors], rank: int) -> Approximated:
    """The best approximation of the sum of products at *rank*."""
    left, right = concatenated(parts)
    basis, small = np.linalg.qr(left)
    other, thin = np.linalg.qr(right.T)
    outer, values, inner = np.linalg.svd(small @ thin.T)
    kept = min(rank, len(values))
    roots = np.sqrt(values[:kept])
    factors = (basis @ outer[:, :kept]) * roots, (inner[:kept] * roots[:, None]) @ other.T
    squares = values**2
    return Approximated(
        factors=factors, whole=float(squares.sum()), lost=float(squares[kept:].sum())
    )


def best_approximation(matrix: Matrix, rank: int) -> Approximated:
    """The best approximation of a matrix at *rank*, by the vectors of its shorter side."""
    wide = matrix.shape[0] <= matrix.shape[1]
    short = matrix if wide else matrix.T
    values, vectors = np.linalg.eigh(short @ short.T)  # ascending
    basis = np.ascontiguousarray(vectors[:, -rank:][:, ::-1])
    rest = basis.T @ short
    squares = np.maximum(values, 0.0)
    return Approximated(
        factors=(basis, rest) if wide else (rest.T, basis.T),
        whole=float(squares.sum()),
        lost=float(squares[: max(0, len(values) - rank)].sum()),
    )


def aligned(parts: Sequence[Factors]) -> tuple[Matrix, list[Matrix]]:
    """A common left side, and the right side of each product (Stoica et al. 2024, equation 3).

    The products side by side, [B1 A1 ... Bk Ak], are U S [V1^T ... Vk^T]; returned are U S and the
    V_i^T, in which the changes of different models can be compared number by number.
    """
    left = np.concatenate([b for b, _ in parts], axis=1)
    basis, small = np.linalg.qr(left)
    thin = [np.linalg.qr(a.T) for _, a in parts]
    ranks = np.cumsum([0, *(a.shape[0] for _, a in parts)])
    blocks = [
        small[:, start:stop] @ r.T
        for start, stop, (_, r) in zip(ranks, ranks[1:], thin, strict=False)
    ]
    outer, values, inner = np.linalg.svd(np.concatenate(blocks, axis=1), full_matrices=False)
    ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
    rights = [
        inner[:, start:stop] @ q.T
        for start, stop, (q, _) in zip(ends, ends[1:], thin, strict=False)
    ]
    return basis @ (outer * values), rights
