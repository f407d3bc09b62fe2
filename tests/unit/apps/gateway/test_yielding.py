"""Room for what nobody waits for."""

from __future__ import annotations

import asyncio

import pytest

from escalera.apps.gateway.yielding import Turnstile


def test_as_many_are_inside_as_there_is_room_for_now():
    """In the order in which they came; and when there is more room, more of them."""
    room, entered, gates = [2], [], [asyncio.Event() for _ in range(5)]

    async def go(turnstile: Turnstile, number: int) -> None:
        async with turnstile.through():
            entered.append(number)
            await gates[number].wait()

    async def story() -> None:
        turnstile = Turnstile(lambda: room[0])
        going = [asyncio.create_task(go(turnstile, number)) for number in range(5)]
        await asyncio.sleep(0.15)
        assert (entered, turnstile.inside) == ([0, 1], 2)
        room[0] = 1
        gates[0].set()
        await asyncio.sleep(0.15)
        assert entered == [0, 1]
        gates[1].set()
        await asyncio.sleep(0.15)
        assert entered == [0, 1, 2]
        room[0] = 5
        await asyncio.sleep(0.15)
        assert entered == [0, 1, 2, 3, 4]
        for gate in gates:
            gate.set()
        await asyncio.gather(*going)
        assert turnstile.inside == 0

    asyncio.run(story())


def test_whoever_is_cancelled_leaves_its_place():
    """Inside or while it waits."""

    async def story() -> None:
        turnstile = Turnstile(lambda: 1)

        async def stay() -> None:
            async with turnstile.through():
                await asyncio.sleep(60)

        inside, waiting = (asyncio.create_task(stay()) for _ in range(2))
        await asyncio.sleep(0.01)
        waiting.cancel()
        inside.cancel()
        await asyncio.gather(inside, waiting, return_exceptions=True)
        async with asyncio.timeout(5), turnstile.through():
            assert turnstile.inside == 1

    asyncio.run(story())


def test_an_error_inside_is_not_kept():
    """It goes to whoever is there."""

    async def story() -> None:
        async with Turnstile(lambda: 1).through():
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  it has no words
        asyncio.run(story())
