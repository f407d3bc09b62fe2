"""Thin products, against full matrices."""

import numpy as np
import pytest

from escalera.core.merging import low_rank


def thin(seed: int, rank: int, shape=(30, 20)):
    """Factors of random numbers."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal((shape[0], rank)), generator.standard_normal((rank, shape[1]))


def best(matrix, rank):
    """The full decomposition, cut off."""
    outer, values, inner = np.linalg.svd(matrix, full_matrices=False)
    return outer[:, :rank] * values[:rank] @ inner[:rank], values


@pytest.mark.parametrize("rank", [2, 5, 8, 30])
def test_the_best_sum_is_that_of_the_full_matrix(rank):
    """And what is lost is told exactly; nothing beyond the sum of ranks."""
    parts = [thin(0, 3), thin(1, 5)]
    whole = sum(b @ a for b, a in parts)
    wanted, values = best(whole, rank)
    for found in (low_rank.best_sum(parts, rank), low_rank.best_approximation(whole, rank)):
        b, a = found.factors
        np.testing.assert_allclose(b @ a, wanted, atol=1e-9)
        assert found.whole == pytest.approx((values**2).sum())
        assert found.lost == pytest.approx((values[rank:] ** 2).sum(), abs=1e-6)


def test_the_best_approximation_takes_the_shorter_side():
    """Both shapes give the same product."""
    matrix = np.random.default_rng(0).standard_normal((12, 40))
    for one in (matrix, matrix.T):
        b, a = low_rank.best_approximation(one, 5).factors
        np.testing.assert_allclose(b @ a, best(one, 5)[0], atol=1e-9)


def test_concatenated_factors_are_the_sum():
    """Exactly as many columns as all ranks together."""
    parts = [thin(0, 3), thin(1, 5)]
    b, a = low_rank.concatenated(parts)
    assert b.shape[1] == a.shape[0] == 8
    np.testing.assert_allclose(b @ a, sum(x @ y for x, y in parts), atol=1e-12)


def test_aligned_products_share_their_left_side():
    """Each product is the common side times its own; the common side has orthogonal columns."""
    parts = [thin(0, 3), thin(1, 5), thin(2, 2)]
    common, rights = low_rank.aligned(parts)
    for (b, a), right in zip(parts, rights, strict=True):
        np.testing.assert_allclose(common @ right, b @ a, atol=1e-9)
    square = common.T @ common
    np.testing.assert_allclose(square, np.diag(np.diag(square)), atol=1e-9)
