"""The choice between deployments that hold the same model."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from escalera.core.serving.balancing import Load, quicker, weighted


def test_a_slow_answer_counts_at_once_and_a_quick_one_by_and_by() -> None:
    """Peaks are believed; what was lately is forgotten slowly."""
    load = Load()
    load.answered(0.1, 0.0)
    load.answered(2.0, 1.0)
    assert load.expected == 2.0
    load.answered(0.1, 1.1)
    assert 1.9 < load.expected < 2.0
    load.answered(0.1, 1.1 + 10 * Load.FADING)
    assert load.expected == pytest.approx(0.1, abs=1e-3)


def test_who_was_not_waited_for_is_at_least_as_slow() -> None:
    """What has not answered by then raises what is expected, and never lowers it."""
    load = Load()
    load.left(0.5, 0.0)
    assert load.expected == 0.5
    load.answered(2.0, 1.0)
    load.left(0.5, 2.0)
    assert load.expected == 2.0


def test_what_is_in_flight_counts() -> None:
    """Of two that are equally quick the idle one is asked."""
    one, other = Load(), Load()
    for load in (one, other):
        load.answered(0.2, 0.0)
    one.in_flight = 3
    assert quicker([one, other], 0.0, 0.0) == 1
    assert quicker([one, other], 0.9, 0.0) == 1
    assert quicker([one], 0.5, 0.5) == 0


def test_two_different_ones_are_compared_and_each_is_ever_drawn() -> None:
    """Any two draws make a pair of different places; the slowest of many is never chosen."""
    loads = [Load() for _ in range(5)]
    for place, load in enumerate(loads):
        load.answered(0.1 * (place + 1), 0.0)
    draw = np.random.default_rng(0).random((4000, 2))
    found = Counter(quicker(loads, one, other) for one, other in draw)
    assert found[4] == 0
    assert found[0] > found[1] > found[2] > found[3] > 0


def test_weights_are_shares() -> None:
    """A place is as wide as its weight; one without any is never chosen."""
    draw = np.random.default_rng(0).random(20_000)
    found = Counter(weighted([1.0, 0.0, 3.0], at) for at in draw)
    assert found[1] == 0
    assert found[2] / 20_000 == pytest.approx(0.75, abs=0.02)
    assert weighted([1.0, 3.0, 0.0], 0.9999999999999999) == 1
