"""The cosine of two embeddings as a score."""

from __future__ import annotations

import math

import numpy as np
import pytest

from escalera.core.evaluation import meaning


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([3.0, 0.0], [3.0, 0.0], 1.0),
        ([3.0, 4.0], [5.0, 0.0], 0.6),
        ([1.0, 1.0], [1.0, 0.0], round(math.sqrt(0.5), 5)),
        ([1.0, 0.0], [0.0, 1.0], 0.0),
        ([-3.0, 0.0], [3.0, 0.0], 0.0),
    ],
)
def test_the_cosine(left, right, expected):
    """Whatever the lengths; opposite is not worse than unrelated."""
    for kind in (np.float64, np.float32):
        found = meaning.score(np.array(left, dtype=kind), np.array(right, dtype=kind))
        assert found.value == expected


def test_equal_texts_score_one():
    """To the last digit, though the numbers are rounded where they are kept."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        vector = rng.normal(size=1536)
        kept = (vector / np.linalg.norm(vector)).astype(np.float32)
        assert meaning.score(kept, kept.copy()).value == 1.0


def test_without_an_angle_there_is_no_score():
    """Never a 0: nothing is known of the reply."""
    two, zero, endless = np.array([1.0, 2.0]), np.zeros(2), np.array([np.inf, 0.0])
    assert meaning.score(np.array([1.0]), two).reason == "the embeddings have 1 and 2 numbers"
    for vector in (zero, endless):
        assert meaning.score(vector, two).reason == "an embedding has no direction"
        assert meaning.score(two, vector).value is None
