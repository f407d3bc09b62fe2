"""Uniform numbers from a keyed hash: the same everywhere, and uniform."""

import hashlib

import numpy as np
import pytest

from escalera.core.stats import draws


def test_they_are_the_words_of_the_hash() -> None:
    """Upper 53 bits of little-endian words, by plain integers."""
    stream = hashlib.shake_128(b'["a", 1]').digest(48)
    words = [int.from_bytes(stream[8 * n : 8 * n + 8], "little") for n in range(6)]
    found = draws.uniform((2, 3), "a", 1)
    assert found.shape == (2, 3)
    assert found.reshape(-1).tolist() == [(word >> 11) / 2**53 for word in words]


def test_they_depend_on_the_key_alone() -> None:
    """A longer draw begins like a shorter one; another key gives other numbers."""
    found = draws.uniform((50,), "a", 1)
    assert draws.uniform((20,), "a", 1).tolist() == found[:20].tolist()
    others = [draws.uniform((50,), *key) for key in (("a", 2), ("b", 1), ("a",), ("a", "1"))]
    assert all(not set(other) & set(found) for other in others)


def test_they_are_uniform_and_do_not_follow_each_other() -> None:
    """Mean, variance, tenths and neighbours of 100,000, within four standard errors."""
    found = draws.uniform((100_000,), "uniform")
    assert 0.0 <= found.min() < found.max() < 1.0
    assert found.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 1e5))
    assert found.var() == pytest.approx(1 / 12, abs=4 * np.sqrt(1 / 180 / 1e5))
    tenths = np.bincount(draws.below(np.array(10), found), minlength=10) / 1e5
    assert tenths == pytest.approx([0.1] * 10, abs=4 * np.sqrt(0.09 / 1e5))
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 4 / np.sqrt(1e5)


def test_whole_numbers_stay_below_their_limits() -> None:
    """At both ends, for each limit of its own."""
    limits = np.array([1, 2, 3, 7, 1000])
    ends = np.array([[0.0] * 5, [1.0 - 2.0**-53] * 5])
    assert draws.below(limits, ends).tolist() == [[0] * 5, [0, 1, 2, 6, 999]]
