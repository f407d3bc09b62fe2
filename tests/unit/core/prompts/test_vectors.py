"""Embeddings as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from escalera.core.prompts.vectors import from_files, nearest, to_files


def test_vectors_come_back_with_length_one():
    """A zero stays a zero: it is alike to nothing."""
    found = from_files(to_files([(3.0, 4.0), (0.0, 0.0)]))
    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


def test_equal_vectors_are_equal_bytes():
    """So they are stored once."""
    assert to_files([(1, 2)]) == to_files([(1.0, 2.0)])


def test_the_nearest_has_the_smallest_angle():
    """Length does not matter; ties, also but for rounding, keep the order of the pool."""
    pool = from_files(to_files([(1, 0), (1, 1), (5, 5.00001), (0, 1)]))
    assert nearest(pool, np.array([2.0, 2.0], dtype=np.float32)) == [1, 2, 0, 3]
