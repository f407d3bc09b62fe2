"""Whether messages still are what a router was fitted on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from escalera.core.routing import drift


def watched(shift, *, windows=20, seed=0, strange=-2.0):
    """The readings after each window of 50 messages, which are less familiar by *shift*."""
    chance = np.random.default_rng(seed)
    state = drift.init(chance.normal(size=300).tolist(), strange=strange)
    readings = []
    for _ in range(windows):
        state = drift.update(state, (chance.normal(size=50) - shift).tolist())
        readings.append(drift.read(state))
    assert state.seen == 50 * windows
    return readings


def test_without_drift_there_is_no_alarm():
    """In none of 60 histories of 1000 messages, looked at 20 times each."""
    alarms = [
        any(reading.drifted for look in watched(0.0, seed=seed) for reading in look)
        for seed in range(60)
    ]
    assert sum(alarms) <= 1


def test_less_familiar_messages_are_found_and_stay_found():
    """Half a standard deviation is seen within 1000 messages; the alarm is not taken back."""
    median = [look[0] for look in watched(0.5)]
    assert not median[0].drifted
    assert median[-1].drifted
    assert all(later.lower >= before.lower for before, later in pairwise(median))


def test_strangers_alone_are_found_by_their_own_share():
    """A tenth of all messages is like nothing before; the median hardly moves."""
    chance = np.random.default_rng(3)
    state = drift.init(chance.normal(size=400).tolist(), strange=-2.5)
    found = chance.normal(size=1000) - 6 * (chance.random(1000) < 0.1)
    half, strange = drift.read(drift.update(state, found.tolist()))
    assert (half.drifted, strange.drifted) == (False, True)
    assert strange.share == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("strangers", [1.0, 0.5])
def test_drift_after_long_is_found_as_soon_as_drift_at_once(strangers):
    """Messages that were as they should be do not outweigh those that are not; it stays found."""
    chance = np.random.default_rng(4)
    state = drift.init(chance.normal(size=300).tolist(), strange=-2.5)
    for _ in range(10):
        state = drift.update(state, chance.normal(size=2000).tolist())
    assert not any(reading.drifted for reading in drift.read(state))
    found = chance.normal(size=200) - 6 * (chance.random(200) < strangers)
    state = drift.update(state, found.tolist())
    _, strange = drift.read(state)
    assert strange.drifted
    assert (strange.seen, strange.share) == (200, pytest.approx(strangers, abs=0.1))
    for _ in range(3):
        state = drift.update(state, chance.normal(size=2000).tolist())
    assert drift.read(state)[1].drifted


def test_windows_spend_no_more_than_their_part():
    """However many there are; and none of them raises an alarm in a long history of no drift."""
    spent = [drift._spent(0.01, window) for window in range(1, 100_000)]
    assert 0.0099 < sum(spent) <= 0.01
    chance = np.random.default_rng(5)
    for _ in range(5):
        state = drift.init(chance.normal(size=300).tolist(), strange=-2.0)
        for _ in range(20):
            state = drift.update(state, chance.normal(size=1000).tolist())
            assert not any(reading.drifted for reading in drift.read(state))


def test_windows_do_not_matter():
    """All at once and one by one are the same state."""
    values = np.random.default_rng(1).normal(size=40).tolist()
    state = drift.init([0.0, 1.0, 2.0], strange=None)
    parts = state
    for value in values:
        parts = drift.update(parts, [value])
    assert drift.read(parts) == drift.read(drift.update(state, values))
    assert len(drift.read(parts)) == 1


def test_a_reference_is_needed():
    """And the message says which."""
    with pytest.raises(ValueError, match="`search` items"):
        drift.init([], strange=None)
