"""Group commit: together where answers come together, durable before anyone goes on."""

from __future__ import annotations

import asyncio

import pytest

from escalera.engine.recorder import Recorder
from escalera.errors import JournalConflict


def test_what_comes_in_one_turn_is_one_transaction():
    """Two answers now, one a turn later, none for nothing."""
    groups = []

    async def run():
        recorder = Recorder(groups.append)
        await asyncio.gather(recorder.add(["a", "b"]), recorder.add(["c"]), recorder.add([]))
        await recorder.add(["d"])

    asyncio.run(run())
    assert groups == [["a", "b", "c"], ["d"]]


def test_nobody_goes_on_before_it_is_recorded():
    """A call's slot is held until its answer is durable."""
    groups = []

    async def run():
        recorder = Recorder(groups.append)
        await recorder.add(["a"])
        assert groups == [["a"]]

    asyncio.run(run())


def test_every_waiter_learns_that_recording_failed():
    """A journal that cannot be written ends all of them."""

    def refuse(events):
        raise JournalConflict("another process writes")

    async def run():
        recorder = Recorder(refuse)
        found = await asyncio.gather(
            recorder.add(["a"]), recorder.add(["b"]), return_exceptions=True
        )
        assert [type(error) for error in found] == [JournalConflict, JournalConflict]
        with pytest.raises(JournalConflict):
            await recorder.add(["c"])

    asyncio.run(run())


def test_a_waiter_that_is_cancelled_takes_nothing_from_the_others():
    """Its answer is paid for, so it is recorded with theirs."""
    groups = []

    async def run():
        recorder = Recorder(groups.append)
        first = asyncio.ensure_future(recorder.add(["a"]))
        second = asyncio.ensure_future(recorder.add(["b"]))
        await asyncio.sleep(0)
        first.cancel()
        await second

    asyncio.run(run())
    assert groups == [["a", "b"]]


def test_recording_may_take_its_time():
    """What comes meanwhile is recorded after it, and nobody goes on before."""
    groups, gate = [], asyncio.Event()

    async def slow(group):
        await gate.wait()
        groups.append(group)

    async def run():
        recorder = Recorder(slow)
        first = asyncio.create_task(recorder.add(["a"]))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(recorder.add(["b", "c"]))
        await asyncio.sleep(0.01)
        assert not first.done()
        assert not second.done()
        gate.set()
        await asyncio.gather(first, second)

    asyncio.run(run())
    assert sorted(groups) == [["a"], ["b", "c"]]
