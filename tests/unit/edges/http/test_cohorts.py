"""Writes that wait for the end of a turn: in order, bounded, never lost, and not where few wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from escalera.edges.http import cohorts
from escalera.edges.http.cohorts import DIRECT, FEW, LARGE, MOST, SOME, Cohorts


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
    """Wires held by the same cohorts, `told` what they did; `turn` waits for the end of one."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.cohorts = Cohorts()

    def wires(self, many: int) -> tuple[list[Wire], list[asyncio.Transport]]:
        wires = [Wire(str(number), self.told) for number in range(many)]
        return wires, [self.cohorts.hold(cast("asyncio.Transport", one)) for one in wires]

    async def turn(self) -> list[tuple[str, Any]]:
        """What happened until all callbacks of a turn ran, and is not told yet."""
        await asyncio.sleep(0)
        found = self.told[:]
        self.told.clear()
        return found


def in_loop(work: Callable[[Turns], Any]) -> None:
    """Run *work* with cohorts in a loop of its own."""

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


def test_stage_by_stage() -> None:
    """Requests, answers, what is sent, notes: whatever came first, each in its order."""

    async def work(turns: Turns) -> None:
        _, held = turns.wires(FEW + 1)
        gather, note = turns.cohorts.gather, turns.told.append
        for one in held:
            gather("note", note, ("note", one))
            gather("answer", note, ("answer", one))
            gather("request", note, ("request", one))
            one.write(b"a")
        assert turns.told == []
        assert await turns.turn() == [
            *(("request", one) for one in held),
            *(("answer", one) for one in held),
            *((str(number), b"a") for number in range(FEW + 1)),
            *(("note", one) for one in held),
        ]
        assert await turns.turn() == []

    in_loop(work)


def test_where_few_come_nothing_is_gathered() -> None:
    """It is done in its place, for as long as writes go at once."""

    async def work(turns: Turns) -> None:
        _, (held,) = turns.wires(1)
        held.write(b"a")
        await turns.turn()
        for stage in ("note", "answer", "request"):
            turns.cohorts.gather(stage, turns.told.append, (stage, 0))
            assert turns.told.pop() == (stage, 0)

    in_loop(work)


def test_not_too_many_requests_wait_for_each_other() -> None:
    """`SOME` of them are begun before the turn ends; notes wait, however many."""

    async def work(turns: Turns) -> None:
        for number in range(SOME + 1):
            turns.cohorts.gather("note", turns.told.append, ("note", number))
        assert turns.told == []
        for number in range(SOME + 1):
            turns.cohorts.gather("answer", turns.told.append, ("answer", number))
        assert turns.told == [("answer", number) for number in range(SOME)]
        told = await turns.turn()
        assert told[SOME:] == [("answer", SOME), *(("note", n) for n in range(SOME + 1))]

    in_loop(work)


def test_what_fails_keeps_nobody_from_being_served() -> None:
    """It is told to the loop, with the stage."""
    told: list[Any] = []

    async def work(turns: Turns) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        for number in (0, 1, 2):
            turns.cohorts.gather("request", lambda n: turns.told.append(("x", 6 // n)), number)
        assert await turns.turn() == [("x", 6), ("x", 3)]

    in_loop(work)
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]
    assert "'request'" in told[0]["message"]


def test_what_stages_write_goes_with_the_turn() -> None:
    """Requests that are begun at its end are sent before the next turn; notes that write, in it."""

    async def work(turns: Turns) -> None:
        _, held = turns.wires(FEW + 1)
        for one in held:
            turns.cohorts.gather("request", lambda one: one.write(b"a"), one)
        turns.cohorts.gather("note", lambda one: one.write(b"n"), held[0])
        assert len(await turns.turn()) == FEW + 1
        assert await turns.turn() == [("0", b"n")]

    in_loop(work)


def test_a_loop_has_one_for_all() -> None:
    """All its connections share it; another loop has another."""

    async def one() -> Cohorts:
        loop = asyncio.get_running_loop()
        assert cohorts.of(loop) is cohorts.of(loop)
        return cohorts.of(loop)

    assert asyncio.run(one()) is not asyncio.run(one())
