"""Token buckets in integers: what may pass in a minute, at any moment.

A bucket holds up to a minute's worth and fills evenly, so in any *t* minutes at most rate x (1 + t)
passes. Levels are counted in parts of a unit that one microsecond of a rate of one adds, so that
no rounding adds up, however often a bucket is asked. They may lie below zero: what was used beyond
an estimate is paid by those who come later.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60_000_000
"""Microseconds; also the parts of one unit."""
HIGHEST_RATE = 10_000_000_000
"""The highest limit per minute, so that a full bucket fits 64 bits."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A level in parts of a unit, at a time in microseconds since the epoch."""

    level: int
    at: int


def full(rate: int, now: int) -> Bucket:
    """A bucket that nobody took from."""
    return Bucket(rate * MINUTE, now)


def refilled(bucket: Bucket, rate: int, now: int) -> Bucket:
    """The bucket at *now*; a clock that goes back adds nothing and takes nothing.

    Of two who ask at once one may come with an earlier time, so nothing is added until the clock is
    where it was. One that went back by more than a minute was set: nobody knows how long it has
    been, and the bucket is full, as after one that was set forward.
    """
    if bucket.at - now > MINUTE:
        return full(rate, now)
    elapsed = max(0, now - bucket.at)
    return Bucket(min(rate * MINUTE, bucket.level + elapsed * rate), max(bucket.at, now))


def left(bucket: Bucket) -> int:
    """Whole units in it; below zero where more was used than was there."""
    return bucket.level // MINUTE


def less(bucket: Bucket, amount: int) -> Bucket:
    """The bucket after *amount* was taken, or given back where it is negative."""
    return Bucket(bucket.level - amount * MINUTE, bucket.at)


def wait(bucket: Bucket, rate: int, amount: int) -> float | None:
    """Seconds until *amount* is there, if nobody takes any; None where it never fits."""
    if amount > rate:
        return None
    missing = amount * MINUTE - bucket.level
    return max(0, -(-missing // rate)) / 1e6
