"""The ratio of replay whose tightest task has most room."""

from __future__ import annotations

import math

import numpy as np
import pytest

from escalera.core.finetuning.replay import RATIOS, ReplayPilot, chosen


def pilots(tuned, protected, noise=(0.0,) * 8):
    """Rooms as functions of the logarithm of the ratio, with noise."""
    found = []
    for n, ratio in enumerate(RATIOS):
        x = math.log(ratio)
        found.append(
            ReplayPilot(
                ratio=ratio, rooms=(tuned(x) + noise[2 * n], protected(x) + noise[2 * n + 1])
            )
        )
    return found


def test_the_tightest_task_decides():
    """The tuned task falls with replay, the protected one rises: where they cross is best."""
    found = pilots(lambda x: 0.05 - 0.04 * x, lambda x: 0.2 + 0.06 * x)
    assert chosen(found) == 0.25
    assert chosen(pilots(lambda x: 0.3, lambda x: 0.2 + 0.06 * x)) == 1.0
    assert chosen(pilots(lambda x: 0.05 - 0.04 * x, lambda x: 0.9)) == 0.1


def test_of_equals_the_smaller_is_cheaper():
    """Nothing to choose between them."""
    assert chosen(pilots(lambda _: 0.1, lambda _: 0.1)) == min(RATIOS)


def test_the_fit_takes_noise_off():
    """Over noise of four points the fitted choice misses less room than the best pilot does."""
    drawn = np.random.default_rng(1)

    def truth(x):
        return min(0.05 - 0.04 * x, 0.2 + 0.06 * x)

    missed = {"fitted": 0.0, "raw": 0.0}
    best = max(truth(math.log(ratio)) for ratio in RATIOS)
    for _ in range(400):
        found = pilots(
            lambda x: 0.05 - 0.04 * x, lambda x: 0.2 + 0.06 * x, drawn.normal(0, 0.04, 8)
        )
        raw = max(found, key=lambda pilot: min(pilot.rooms)).ratio
        missed["fitted"] += best - truth(math.log(chosen(found)))
        missed["raw"] += best - truth(math.log(raw))
    assert missed["fitted"] < missed["raw"]


def test_few_pilots_are_read_as_they_are_and_none_are_refused():
    """A parabola through three points takes nothing off."""
    assert chosen([ReplayPilot(ratio=0.5, rooms=(0.1,))]) == 0.5
    with pytest.raises(ValueError, match="0 pilots"):
        chosen([])
    with pytest.raises(ValueError, match="unequal"):
        chosen([ReplayPilot(ratio=0.5, rooms=(0.1,)), ReplayPilot(ratio=1.0, rooms=())])
