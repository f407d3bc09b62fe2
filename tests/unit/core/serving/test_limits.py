"""Buckets hold the rate in exact integers, whatever the pattern of calls."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.serving import limits
from escalera.core.serving.limits import MINUTE, Bucket


@given(
    st.integers(1, 100_000),
    st.lists(st.tuples(st.integers(0, 90_000_000), st.integers(1, 1000)), max_size=60),
)
def test_no_more_passes_than_the_rate_allows(rate, calls):
    """In any stretch of calls, at most a full bucket and what the time added."""
    now, bucket, passed = 0, limits.full(rate, 0), []
    for pause, amount in calls:
        now += pause
        bucket = limits.refilled(bucket, rate, now)
        if limits.left(bucket) >= amount:
            bucket = limits.less(bucket, amount)
            passed.append((now, amount))
    for first, (begin, _) in enumerate(passed):
        total = 0
        for at, amount in passed[first:]:
            total += amount
            assert total <= rate + Fraction(rate * (at - begin), MINUTE)


@given(st.integers(1, 10_000), st.integers(0, 10**9), st.integers(1, 50))
def test_being_asked_often_changes_nothing(rate, elapsed, parts):
    """Refilled once or in many steps: the same level, to the last part."""
    start = Bucket(-7 * MINUTE, 5)
    stepped = start
    for part in range(1, parts + 1):
        stepped = limits.refilled(stepped, rate, 5 + elapsed * part // parts)
    assert stepped == limits.refilled(start, rate, 5 + elapsed)


@given(st.integers(1, 10_000), st.integers(-20, 20), st.integers(1, 10_000))
def test_after_the_wait_there_is_enough_and_not_before(rate, level, amount):
    """The seconds that a caller is told are right to the microsecond."""
    bucket = Bucket(min(level, rate) * MINUTE, 0)
    seconds = limits.wait(bucket, rate, amount)
    if seconds is None:
        assert amount > rate
        return
    moment = round(seconds * 1e6)
    assert limits.left(limits.refilled(bucket, rate, moment)) >= amount
    if moment:
        assert limits.left(limits.refilled(bucket, rate, moment - 1)) < amount


def test_a_clock_that_goes_back_adds_nothing():
    """Nor does it add twice when it comes forward again."""
    bucket = limits.less(limits.full(60, 1_000_000), 60)
    back = limits.refilled(bucket, 60, 0)
    assert back == bucket
    assert limits.left(limits.refilled(back, 60, 2_000_000)) == 1


def test_a_clock_that_was_set_back_does_not_shut_anybody_out():
    """By hours, as after a machine's clock was wrong; a bucket that is asked and not kept, too."""
    hours = 2 * 60 * MINUTE
    bucket = limits.less(limits.full(60, hours), 60)
    assert limits.refilled(bucket, 60, hours - MINUTE) == bucket
    assert limits.refilled(bucket, 60, hours - MINUTE - 1) == limits.full(60, hours - MINUTE - 1)
    taken = limits.less(limits.refilled(bucket, 60, 0), 60)
    assert limits.left(limits.refilled(taken, 60, 1_000_000)) == 1


def test_a_full_bucket_of_the_highest_rate_fits_a_database():
    """64 bits with a sign."""
    assert limits.full(limits.HIGHEST_RATE, 0).level < 2**63
