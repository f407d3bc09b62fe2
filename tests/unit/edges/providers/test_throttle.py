"""Additive increase, multiplicative decrease, on a clock that a test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.edges.providers.throttle import DECREASE, FIRST, Throttle, Unthrottled


class Clock:
    """Stands still unless someone sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def using(most: int, work: Callable[[Throttle, Clock], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        clock = Clock()
        return await work(Throttle(most=most, clock=clock), clock)

    return asyncio.run(run())


async def calls(throttle: Throttle, count: int, **how: Any) -> None:
    """A round: *count* calls at a time that all end in the same way."""
    entered = [await throttle.enter() for _ in range(count)]
    for place in entered:
        throttle.leave(place, **({"overloaded": False, "seconds": 1.0} | how))


def test_a_willing_endpoint_is_used_to_the_full() -> None:
    """It begins with a few and doubles each round, up to what is allowed."""

    async def work(throttle: Throttle, _: Clock) -> None:
        assert throttle.limit == FIRST
        await calls(throttle, FIRST)
        assert throttle.limit == 2 * FIRST
        for _round in range(5):
            await calls(throttle, throttle.limit)
        assert throttle.limit == 100

    using(100, work)


def test_never_more_than_allowed() -> None:
    """A limit below the first guess is kept from the beginning."""

    async def work(throttle: Throttle, _: Clock) -> None:
        assert throttle.limit == 3
        places = [await throttle.enter() for _ in range(3)]
        fourth = asyncio.ensure_future(throttle.enter())
        await asyncio.sleep(0)
        assert not fourth.done()
        throttle.leave(places[0], overloaded=False, seconds=1.0)
        await fourth

    using(3, work)


def test_a_round_of_refusals_lowers_the_limit_once() -> None:
    """Calls that were under way together tell of one overload, not of sixteen."""

    async def work(throttle: Throttle, _: Clock) -> None:
        await calls(throttle, FIRST, overloaded=True, seconds=None)
        assert throttle.limit == int(FIRST * DECREASE)
        for _round in range(30):
            await calls(throttle, throttle.limit, overloaded=True, seconds=None)
        assert throttle.limit == 1

    using(100, work)


def test_after_an_overload_the_limit_grows_by_one_a_round() -> None:
    """The endpoint's limit is near: it is approached step by step."""

    async def work(throttle: Throttle, _: Clock) -> None:
        await calls(throttle, FIRST, overloaded=True, seconds=None)
        before = throttle.limit
        for _round in range(5):
            await calls(throttle, throttle.limit)
        assert before + 4 <= throttle.limit <= before + 6

    using(100, work)


def test_calls_that_take_several_times_as_long_lower_the_limit() -> None:
    """A queue at the endpoint shows as time before it shows as refusals."""

    async def work(throttle: Throttle, _: Clock) -> None:
        for _round in range(4):
            await calls(throttle, 16, seconds=1.0)
        high = throttle.limit
        await calls(throttle, 6, seconds=2.5)
        assert throttle.limit <= high + 6
        await calls(throttle, 16, seconds=30.0)
        assert throttle.limit < high

    using(100, work)


def test_a_lasting_change_becomes_usual() -> None:
    """A slower model is no overload: after a while the limit grows again."""

    async def work(throttle: Throttle, _: Clock) -> None:
        await calls(throttle, 16, seconds=0.1)
        for _round in range(60):
            await calls(throttle, throttle.limit, seconds=1.0)
        low = throttle.limit
        for _round in range(60):
            await calls(throttle, throttle.limit, seconds=1.0)
        assert throttle.limit > low or throttle.limit == 100

    using(100, work)


def test_everybody_waits_as_long_as_the_endpoint_asks() -> None:
    """Retry-After is for the endpoint, not for one call."""

    async def work(throttle: Throttle, clock: Clock) -> None:
        place = await throttle.enter()
        throttle.leave(place, overloaded=True, seconds=None, pause=7.0)
        await throttle.enter()
        assert clock.now == pytest.approx(7.0)

    using(4, work)


def test_a_waiter_that_gives_up_passes_its_place_on() -> None:
    """Otherwise the next would wait for ever."""

    async def work(throttle: Throttle, _: Clock) -> None:
        place = await throttle.enter()
        first, second = (asyncio.ensure_future(throttle.enter()) for _ in range(2))
        await asyncio.sleep(0)
        throttle.leave(place, overloaded=False, seconds=None)
        first.cancel()
        await asyncio.wait_for(second, 1.0)

    using(1, work)


@given(
    st.lists(st.sampled_from(["good", "overloaded", "failed", "slow"]), max_size=200),
    st.integers(1, 40),
)
def test_whatever_happens_places_are_neither_lost_nor_invented(ends: list[str], most: int) -> None:
    """The limit stays in its bounds and every place comes back."""

    async def work(throttle: Throttle, _: Clock) -> None:
        async def call(end: str) -> None:
            place = await throttle.enter()
            assert throttle._flying <= most
            await asyncio.sleep(0)
            seconds = {"good": 1.0, "slow": 9.0}.get(end)
            throttle.leave(place, overloaded=end == "overloaded", seconds=seconds)

        await asyncio.gather(*(call(end) for end in ends))
        assert throttle._flying == 0
        assert not throttle._waiting
        assert 1 <= throttle.limit <= most

    using(most, work)


def test_without_a_throttle_everybody_comes_in() -> None:
    """Whatever an endpoint said, and however many there are."""
    door = Unthrottled()

    async def work() -> None:
        for _ in range(1000):
            door.leave(await door.enter(), overloaded=True, seconds=None, pause=60.0)

    asyncio.run(asyncio.wait_for(work(), 5))
