"""Texts that mean the same, by the cosine of their embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from escalera.core.data import rephrasing


def vectors(count, width=8, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("block", [1, 7, 1024])
def test_the_nearest_is_the_one_of_all_pairs(monkeypatch, block):
    """Whatever is compared at a time."""
    monkeypatch.setattr(rephrasing, "BLOCK", block)
    taught, tested = vectors(40), vectors(30, seed=1)
    found = {n: (m, value) for n, m, value in rephrasing.nearest([*taught], tested, least=0.5)}
    for n, row in enumerate(taught):
        cosines = [float(np.dot(row.astype(float), other.astype(float))) for other in tested]
        best = int(np.argmax(cosines))
        if cosines[best] >= 0.5:
            assert found.pop(n) == (best, pytest.approx(cosines[best]))
    assert found == {}


def test_without_texts_nothing_is_near():
    """On either side."""
    some = vectors(3)
    assert [*rephrasing.nearest([], some, least=0.1)] == []
    assert [*rephrasing.nearest([*some], some[:0], least=0.1)] == []


def test_a_text_is_as_near_to_itself_as_can_be():
    """Rounding makes no cosine above one."""
    some = vectors(5)
    found = [*rephrasing.nearest([*some], some, least=0.99)]
    assert [(n, m) for n, m, _ in found] == [(n, n) for n in range(5)]
    assert all(value <= 1 for _, _, value in found)
