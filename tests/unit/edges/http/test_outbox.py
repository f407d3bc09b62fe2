"""Writes that wait for the end of a turn: in order, bounded, never lost, and not where few wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from escalera.edges.http import outbox
from escalera.edges.http.outbox import DIRECT, FEW, LARGE, MOST, Outbox


class Wire:
    """A transport that tells what happens to it, in the order of all of them."""

    def __init__(self, name: str, told: list[tuple[str, Any]]) -> None:
        self.name, self.told, self.closing, self.unsent = name, told, False, 0

    def write(self, data: bytes) -> None:
        self.told.append((self.name, data))

    def close(self) -> None:
        self.told.append((self.name, "closed"))
        self.closing = True

    def abort(self) -> None:
        self.told.append((self.name, "aborted"))
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": "caller"}.get(name, default)

    pause_reading = resume_reading = close


class Turns:
    """Wires held by one outbox, `told` what they did; `turn` waits for the end of one."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.outbox = Outbox()

    def wires(self, many: int) -> tuple[list[Wire], list[asyncio.Transport]]:
        wires = [Wire(str(number), self.told) for number in range(many)]
        return wires, [self.outbox.hold(cast("asyncio.Transport", one)) for one in wires]

    async def turn(self) -> list[tuple[str, Any]]:
        """What happened until all callbacks of a turn ran, and is not told yet."""
        await asyncio.sleep(0)
        found = self.told[:]
        self.told.clear()
        return found


def in_loop(work: Callable[[Turns], Any]) -> None:
    """Run *work* with an outbox in a loop of its own."""

    async def run() -> None:
        await work(Turns())

    asyncio.run(run())


def test_what_a_turn_says_goes_together_at_its_end() -> None:
    """In the order in which connections began, each in one write; the next turn is another one."""

    async def work(turns: Turns) -> None:
        _, held = turns.wires(FEW + 1)
        for number, one in enumerate(held):
            one.write(b"%d" % number)
        held[0].write(b"!")
        assert turns.told == []
        assert await turns.turn() == [("0", b"0!"), ("1", b"1"), ("2", b"2")]
        held[1].write(b"again")
        assert turns.told == []
        assert await turns.turn() == [("1", b"again")]
        assert await turns.turn() == []

    in_loop(work)


def test_not_too_many_wait() -> None:
    """With `MOST` of them all that wait are sent; those behind wait again."""

    async def work(turns: Turns) -> None:
        _, held = turns.wires(MOST + 2)
        for one in held[: MOST - 1]:
            one.write(b"a")
        assert turns.told == []
        for one in held[MOST - 1 :]:
            one.write(b"a")
        assert len(turns.told) == MOST
        assert len(await turns.turn()) == MOST + 2
        for one in held[: FEW + 1]:  # a full turn is no turn of few, whatever was left of it
            one.write(b"b")
        assert turns.told == []

    in_loop(work)


@pytest.mark.parametrize("many", [1, FEW])
def test_few_do_not_wait(many: int) -> None:
    """After a turn of few, `DIRECT` writes go at once; then it is looked at again."""

    async def work(turns: Turns) -> None:
        _, held = turns.wires(many)
        for one in held:
            one.write(b"first")
        assert turns.told == []
        await turns.turn()
        for number in range(DIRECT):
            held[0].write(b"%d" % number)
            assert turns.told.pop() == ("0", b"%d" % number)
        held[0].write(b"waits")
        assert turns.told == []
        assert await turns.turn() == [("0", b"waits")]
        held[0].write(b"goes")
        assert turns.told == [("0", b"goes")]

    in_loop(work)


def test_what_is_large_goes_at_once_behind_what_waits() -> None:
    """It is not copied; nothing overtakes."""

    async def work(turns: Turns) -> None:
        _, (held,) = turns.wires(1)
        held.write(b"head")
        held.write(bytes(LARGE + 1))
        held.write(b"tail")
        assert turns.told == [("0", b"head"), ("0", bytes(LARGE + 1))]
        assert await turns.turn() == [*[("0", b"head"), ("0", bytes(LARGE + 1))], ("0", b"tail")]
        held.write(b"head")
        held.write(bytes(LARGE))
        assert turns.told == [("0", b"head"), ("0", bytes(LARGE))]

    in_loop(work)


def test_closing_comes_behind_what_was_written() -> None:
    """Aborting does not; what waits for a transport that closed by itself is dropped."""

    async def work(turns: Turns) -> None:
        wires, held = turns.wires(4)
        for one in held:
            one.write(b"a")
        held[0].close()
        held[1].abort()
        wires[2].closing = True
        assert turns.told == [("0", b"a"), ("0", "closed"), ("1", "aborted")]
        assert (await turns.turn())[3:] == [("3", b"a")]

    in_loop(work)


def test_what_waits_counts_as_unsent() -> None:
    """Whoever waits for a slow reader sees it; the rest is the transport's."""

    async def work(turns: Turns) -> None:
        (wire,), (held,) = turns.wires(1)
        wire.unsent = 7
        held.write(b"abc")
        assert held.get_write_buffer_size() == 10
        await turns.turn()
        assert held.get_write_buffer_size() == 7
        assert held.get_extra_info("peername") == "caller"

    in_loop(work)


def test_what_comes_behind_writes_waits_with_them() -> None:
    """In its order, once all of the turn is sent; at once where nothing waits."""

    async def work(turns: Turns) -> None:
        _, held = turns.wires(FEW + 1)
        after = turns.outbox.after
        after(turns.told.append, ("x", "alone"))
        assert turns.told.pop() == ("x", "alone")
        for one in held:
            one.write(b"a")
            after(turns.told.append, ("x", one))
        assert turns.told == []
        told = await turns.turn()
        assert told == [*((str(n), b"a") for n in range(FEW + 1)), *(("x", one) for one in held)]
        after(turns.told.append, ("x", "alone"))
        assert turns.told == [("x", "alone")]

    in_loop(work)


def test_what_comes_behind_a_full_outbox_waits_for_the_end_of_the_turn() -> None:
    """What is sent before does not end the turn."""

    async def work(turns: Turns) -> None:
        _, held = turns.wires(MOST)
        for one in held:
            one.write(b"a")
        turns.outbox.after(turns.told.append, ("x", "behind"))
        assert len(turns.told) == MOST
        assert (await turns.turn())[MOST:] == [("x", "behind")]

    in_loop(work)


def test_a_loop_has_one_outbox() -> None:
    """All its connections share it; another loop has another."""

    async def one() -> Outbox:
        loop = asyncio.get_running_loop()
        assert outbox.of(loop) is outbox.of(loop)
        return outbox.of(loop)

    assert asyncio.run(one()) is not asyncio.run(one())
