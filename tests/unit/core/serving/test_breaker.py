"""The breaker: when it opens, how it is probed, and what closes it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.serving.breaker import Breaker, BreakerPolicy

POLICY = BreakerPolicy(
    streak=3, least=10, share=0.5, window=10.0, hold=5.0, longest=20.0, probe=30.0
)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(POLICY.streak):
        breaker.failed(now)
    return breaker


def test_a_streak_opens_it() -> None:
    """And nothing short of it."""
    breaker = Breaker(POLICY)
    breaker.failed(0.0)
    breaker.failed(0.0)
    breaker.succeeded(0.0)
    breaker.failed(0.0)
    breaker.failed(0.0)
    assert breaker.state(0.0) == "closed"
    breaker.failed(0.0)
    assert breaker.state(0.0) == "open"
    assert not breaker.admits(4.9)


def test_one_probe_at_a_time_and_its_success_closes() -> None:
    """Half-open, a second call is not let through until the first has said something."""
    breaker = opened()
    assert breaker.state(5.0) == "half-open"
    assert breaker.admits(5.0)
    assert not breaker.admits(5.1)
    breaker.succeeded(5.2)
    assert breaker.state(5.2) == "closed"
    assert breaker.admits(5.2)
    assert breaker.admits(5.2)


def test_a_failed_probe_opens_for_twice_as_long_up_to_a_bound() -> None:
    """5, 10, 20, 20 seconds."""
    breaker, now, waits = opened(), 0.0, []
    for _ in range(4):
        assert breaker.until is not None
        waits.append(breaker.until - now)
        now = breaker.until
        assert breaker.admits(now)
        breaker.failed(now)
    assert waits == [5.0, 10.0, 20.0, 20.0]


def test_a_probe_that_says_nothing_is_forgotten() -> None:
    """Whoever asked may have left."""
    breaker = opened()
    assert breaker.admits(5.0)
    assert not breaker.admits(34.9)
    assert breaker.admits(35.0)


def test_a_share_of_failures_opens_it_within_the_window_only() -> None:
    """Every second call fails; long ago does not count."""
    breaker = Breaker(POLICY)
    for step in range(8):
        (breaker.failed if step % 2 else breaker.succeeded)(float(step))
    assert breaker.state(8.0) == "closed"
    late = Breaker(POLICY)
    for step in range(20):
        (late.failed if step % 2 else late.succeeded)(step * 25.0)
    assert late.state(500.0) == "closed"
    breaker.succeeded(8.0)
    breaker.failed(9.0)
    assert breaker.state(9.0) == "open"


def test_a_late_failure_of_a_call_from_before_does_not_count_as_the_probe() -> None:
    """Only the probe's own failure makes the wait longer."""
    breaker = opened()
    until = breaker.until
    breaker.failed(1.0)
    assert breaker.until == until


def test_a_refused_key_and_a_wish_to_wait_open_at_once() -> None:
    """For the longest time, and for what was asked within that bound."""
    breaker = Breaker(POLICY)
    breaker.refused(1.0)
    assert breaker.until == 21.0
    breaker = Breaker(POLICY)
    breaker.asked_to_wait(1.0, 3.0)
    assert breaker.until == 4.0
    breaker.asked_to_wait(1.0, 3000.0)
    assert breaker.until == 21.0


STEPS = st.lists(
    st.tuples(st.sampled_from(["failed", "succeeded", "admits", "refused"]), st.floats(0, 30)),
    max_size=60,
)


@given(STEPS)
def test_it_never_stays_shut_for_longer_than_the_bounds(steps: list[tuple[str, float]]) -> None:
    """Whatever happened: after the longest wait and a silent probe somebody is let through."""
    breaker, now = Breaker(POLICY), 0.0
    for name, passed in steps:
        now += passed
        getattr(breaker, name)(now)
        assert breaker.until is None or breaker.until <= now + POLICY.longest
    assert breaker.admits(now + POLICY.longest + POLICY.probe)


def test_a_probe_that_says_nothing_makes_room_for_another():
    """Where it was given up, nobody has to wait until it is forgotten by itself."""
    breaker = Breaker(BreakerPolicy(streak=1, hold=5.0))
    breaker.failed(0.0)
    assert breaker.admits(6.0)
    assert not breaker.admits(6.0)
    breaker.forget()
    assert breaker.admits(6.0)
