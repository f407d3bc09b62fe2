"""Records of requests: none is lost unsaid, whatever the disk does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from escalera.apps.gateway import recording
from escalera.apps.gateway.recording import Recorder
from escalera.domain.call_log import CallQuery, Retention
from escalera.domain.traffic import ServedCall
from escalera.edges.gateway_store.calls import SQLiteCalls
from escalera.testing.gateway_stores import MemoryCalls

NOW = 1_800_000_000.0
CALL = ServedCall(id="r", started=NOW, operation="chat", model="m", status=200)


class Gated(MemoryCalls):
    """A log that can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.open.set()

    def write(self, *given: object, **also: object) -> None:
        assert self.open.wait(10)
        super().write(*given, **also)


class Told(list):
    """What was told, by time."""

    now = NOW

    def wall(self) -> float:
        return self.now


@contextmanager
def recorder(
    log: MemoryCalls | SQLiteCalls,
    told: Told,
    *,
    room: int = recording.ROOM,
    retention: Retention | None = None,
) -> Iterator[Recorder]:
    kept = retention or Retention(days=None, bytes=None)
    made = Recorder(log, wall=told.wall, tell=told.append, retention=kept, room=room)
    made.open()
    try:
        yield made
    finally:
        made.close()


def test_every_record_is_there_after_the_end():
    """In order, in few writes; the counts agree with the log."""
    log, told = MemoryCalls(), Told()
    with recorder(log, told) as made:
        assert all(made.take(replace(CALL, id=str(number))) for number in range(5_000))
    assert [call.id for call in log.read(CallQuery())] == [str(n) for n in range(5_000)]
    assert (made.counts.taken, made.counts.written, made.counts.waiting) == (5_000, 5_000, 0)
    assert told == []


def test_what_there_is_no_room_for_is_dropped_counted_and_told():
    """The newest, by bytes with their bodies; the count is written, too."""
    log, told = Gated(), Told()
    with recorder(log, told, room=10 * recording.FRAME) as made:
        log.open.clear()
        taken = [made.take(CALL) for _ in range(12)]
        assert taken == [True] * 10 + [False] * 2
        assert not made.take(replace(CALL, request="x" * 2 * recording.FRAME))
        assert made.counts.waiting == 10
        log.open.set()
        while made.counts.waiting:
            threading.Event().wait(0.001)
        assert made.take(replace(CALL, request="x" * 8 * recording.FRAME))
    tally = log.tally(CallQuery())
    assert (tally.calls, tally.lost, made.counts.dropped) == (11, 3, 3)
    assert told == ["3 records of requests were dropped: no room"]


def test_a_log_that_is_down_for_a_while_loses_nothing(monkeypatch: pytest.MonkeyPatch):
    """Records wait for it; the trouble is told once a minute."""
    monkeypatch.setattr(recording, "EVERY", 0.001)
    log, told = MemoryCalls(), Told()
    log.down = True
    with recorder(log, told) as made:
        for number in range(100):
            made.take(replace(CALL, id=str(number)))
        while not told:
            threading.Event().wait(0.001)
        assert told[0].startswith("the request log cannot be written, ")
        log.down = False
        while made.counts.waiting:
            threading.Event().wait(0.001)
    assert len(told) == 1
    assert log.tally(CallQuery()).calls == 100


def test_what_cannot_be_written_at_the_end_is_told():
    """And whoever waits for it is told, too."""
    log, told = MemoryCalls(), Told()
    log.down = True

    async def story() -> bool:
        with recorder(log, told) as made:
            made.take(CALL)
            waiting = asyncio.create_task(made.kept(CALL))
            await asyncio.sleep(0)
        assert made.counts.dropped == 2
        return await waiting

    assert asyncio.run(story()) is False
    assert told[-1] == "2 records of requests were not logged: the log cannot be written"


class Clock:
    """In the place of `time`: moments at which somebody slept, and for how long."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[tuple[float, float]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append((self.now, seconds))


def test_a_loop_that_is_far_ahead_gives_way_now_and_then(monkeypatch: pytest.MonkeyPatch):
    """For a moment, once a fourth of the room is taken, and never more than a tenth of its time."""
    clock = Clock()
    monkeypatch.setattr(recording, "time", clock)
    log, told = Gated(), Told()
    log.open.clear()
    with recorder(log, told, room=40 * recording.FRAME) as made:
        for _ in range(10):
            made.take(CALL)
        assert clock.slept == []
        for _ in range(20):
            clock.now += 0.001
            made.take(CALL)
        moments = [moment for moment, _ in clock.slept]
        assert moments == pytest.approx([0.001, 0.011])
        assert {seconds for _, seconds in clock.slept} == {recording.GIVE_WAY}
        log.open.set()
    assert (made.counts.written, made.counts.dropped) == (30, 0)


BUSY = """
import hashlib, os
from escalera.apps.gateway.recording import Recorder
from escalera.domain.call_log import Retention
from escalera.domain.traffic import ServedCall

class Log:
    def write(self, calls, **more): pass
    def trim(self, *given): return 0

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
call = ServedCall(id="r", started=0.0, operation="chat", model="m")
made = Recorder(Log(), wall=float, tell=print, retention=Retention(), room=8 << 20)
made.open()
for number in range(60_000):
    made.take(call)
    hashlib.sha256(bytes(20_000))
made.close()
print(made.counts.dropped)
"""


def test_a_busy_loop_on_one_core_loses_nothing_that_can_be_written():
    """Seven times the room comes without a pause, faster than the thread would look by itself."""
    done = subprocess.run(
        [sys.executable, "-c", BUSY], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "0\n"


def test_who_waits_is_told_when_it_is_on_disk():
    """Many share one write; without room they are told at once."""
    log, told = Gated(), Told()

    async def story() -> None:
        with recorder(log, told, room=100 * recording.FRAME) as made:
            log.open.clear()
            waiting = [asyncio.create_task(made.kept(CALL)) for _ in range(101)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert [task.done() for task in waiting] == [False] * 100 + [True]
            assert log.tally(CallQuery()).calls == 0
            log.open.set()
            assert await asyncio.gather(*waiting) == [True] * 100 + [False]
            assert log.tally(CallQuery()).calls == 100

    asyncio.run(story())


def test_what_need_not_be_kept_is_removed_now_and_then(monkeypatch: pytest.MonkeyPatch):
    """Once a minute, whatever comes."""
    monkeypatch.setattr(recording, "EVERY", 0.001)
    log, told = MemoryCalls(), Told()
    with recorder(log, told, retention=Retention(days=1, bytes=None)) as made:
        made.take(CALL)
        while made.counts.waiting:
            threading.Event().wait(0.001)
        told.now = NOW + 2 * 86_400
        while log.tally(CallQuery()).calls:
            threading.Event().wait(0.001)
    assert log.tally(CallQuery()).trimmed == 1


class Taken:
    """Spans that go nowhere."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def take(self, calls: Sequence[ServedCall]) -> None:
        self.ids += [call.id for call in calls]

    def close(self) -> None:
        """Nothing is held."""


def test_another_configuration_keeps_less_and_sends_spans(monkeypatch: pytest.MonkeyPatch):
    """From the next write and look on; spans are those of calls that are on disk."""
    monkeypatch.setattr(recording, "EVERY", 0.001)
    log, told, spans = MemoryCalls(), Told(), Taken()
    with recorder(log, told) as made:
        made.take(CALL)
        while made.counts.waiting:
            threading.Event().wait(0.001)
        made.adopt(Retention(days=1, bytes=None), spans)
        made.take(replace(CALL, id="later", started=NOW + 3 * 86_400))
        told.now = NOW + 3 * 86_400
        while not log.tally(CallQuery()).trimmed or not spans.ids:
            threading.Event().wait(0.001)
    assert [call.id for call in log.read(CallQuery())] == spans.ids == ["later"]


WORKER = """
import asyncio, sys, time
from pathlib import Path
from escalera.apps.gateway.recording import Recorder
from escalera.domain.call_log import Retention
from escalera.domain.traffic import ServedCall
from escalera.edges.gateway_store.calls import SQLiteCalls

async def main():
    log = SQLiteCalls(Path(sys.argv[1]))
    made = Recorder(log, wall=time.time, tell=print, retention=Retention())
    made.open()
    number = 0
    while True:
        calls = [
            ServedCall(id=str(number + n), started=time.time(), operation="chat", model="m")
            for n in range(20)
        ]
        assert all(await asyncio.gather(*map(made.kept, calls)))
        number += 20
        print(number, flush=True)

asyncio.run(main())
"""


def test_no_record_that_was_waited_for_is_lost_by_a_kill(tmp_path: Path):
    """kill -9 in the middle: what was told to be on disk is there."""
    file = tmp_path / "calls.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(file)], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        for _ in range(5):
            told = int(worker.stdout.readline())
        os.kill(worker.pid, signal.SIGKILL)
        told = max([told, *map(int, worker.stdout.read().split())])
    with closing(SQLiteCalls(file)) as log:
        found = sorted(int(call.id) for call in log.read(CallQuery()))
    assert found[:told] == list(range(told))
