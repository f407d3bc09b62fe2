"""The request log as the hot path sees it: records are taken at once and written by a thread.

    recorder.take(call)          # False where there is no room: counted, and told in words
    await recorder.kept(call)    # where none may be lost: returns when it is on disk, False if not

A worker that is killed loses at most what it took within the last `EVERY` seconds; one that ends as
it should loses nothing. While the log cannot be written, records wait, up to `ROOM` bytes of them;
beyond that the newest are dropped and counted, and the count is written once the log is back. What
can be written is not dropped: a loop that is busy throughout gives way to the thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from escalera.domain.call_log import Retention
from escalera.domain.traffic import ServedCall
from escalera.errors import StoreUnavailable
from escalera.ports.serving import CallLog

EVERY = 0.2
"""Seconds between two writes."""
ROOM = 16 * 1024 * 1024
"""Bytes that may wait to be written, bodies included."""
BEHIND = 4
"""Once a fourth of the room is taken, the thread is woken before its time, and let to its turn."""
GIVE_WAY, GIVE_WAY_EVERY = 0.001, 0.01
"""Seconds for which the loop stands still then, and how often at the most."""
FRAME = 1024
"""Bytes that a record is counted as, beside its bodies."""
TRIM_EVERY = 60.0
"""Seconds between two looks at what need not be kept any longer."""
TELL_EVERY = 60.0
"""Seconds between two words about the same trouble."""
BATCH = 2_000
"""Records in one transaction."""

Waiting = tuple[ServedCall, asyncio.Future[bool] | None]


class Spans(Protocol):
    """Sends spans of calls; nobody waits for it."""

    def take(self, calls: Sequence[ServedCall]) -> None:
        """Have the spans of *calls* sent; returns at once."""

    def close(self) -> None:
        """Send what waits, for a while; called once."""


@dataclass(slots=True)
class Counts:
    """Records taken, written and dropped; what is taken and neither waits."""

    taken: int = 0
    written: int = 0
    dropped: int = 0

    @property
    def waiting(self) -> int:
        """Records that are neither on disk nor dropped yet."""
        return self.taken - self.written - self.dropped


class Recorder:
    """Writes records in batches. *wall* is time since the epoch; *tell* says troubles in words."""

    def __init__(
        self,
        log: CallLog,
        *,
        wall: Callable[[], float],
        tell: Callable[[str], None],
        retention: Retention,
        room: int = ROOM,
    ) -> None:
        self.counts = Counts()
        self._log, self._wall, self._tell = log, wall, tell
        self._retention, self._room = retention, room
        self._spans: Spans | None = None
        self._queue: deque[Waiting] = deque()
        self._batch: list[Waiting] = []
        self._came = self._went = 0  # bytes; each is counted by one side alone
        self._behind = room // BEHIND
        self._way_from = 0.0
        self._told = 0
        self._tell_from = self._trim_from = 0.0
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)

    def open(self) -> None:
        """Begin to write."""
        self._thread.start()

    def adopt(self, retention: Retention, spans: Spans | None) -> None:
        """From now on keep records as *retention* says, and give *spans* those on disk."""
        self._retention, self._spans = retention, spans

    def take(self, call: ServedCall) -> bool:
        """Take a record without waiting; False where there is no room for it."""
        return self._put(call, None)

    async def kept(self, call: ServedCall) -> bool:
        """Take a record and wait until it is on disk; False where it will not be."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self._put(call, done):
            return False
        self._wake.set()
        return await done

    def close(self) -> None:
        """Write what waits; what cannot be written now is dropped and told."""
        self._ending = True
        self._wake.set()
        self._thread.join()
        left = [*self._batch, *self._queue]
        for call, done in left:
            self._went += _size(call)
            self.counts.dropped += 1
            if done is not None:
                _settle(done, kept=False)
        if left:
            self._tell(
                f"{len(left)} records of requests were not logged: the log cannot be written"
            )

    # The event loop's side

    def _put(self, call: ServedCall, done: asyncio.Future[bool] | None) -> bool:
        self.counts.taken += 1
        size = FRAME + len(call.request) + len(call.answer)
        if self._came - self._went + size > self._room:
            self.counts.dropped += 1
            return False
        self._came += size
        self._queue.append((call, done))
        if self._came - self._went > self._behind:
            self._give_way()
        return True

    def _give_way(self) -> None:
        """Stand still for a moment, now and then: a busy loop would keep the thread from its turn.

        Each callback of the loop gives the interpreter's lock back and takes it again, which wakes
        a thread that waits for it and begins its waiting anew: it never comes to ask for a turn.
        """
        now = time.monotonic()
        if now >= self._way_from:
            self._way_from = now + GIVE_WAY_EVERY
            self._wake.set()
            time.sleep(GIVE_WAY)

    # The thread's side

    def _run(self) -> None:
        while not self._ending:
            self._wake.wait(EVERY)
            self._wake.clear()
            self._write()
        self._write()

    def _write(self) -> None:
        try:
            while self._batch or self._queue or self.counts.dropped > self._told:
                self._write_batch()
            self._trim()
        except StoreUnavailable as error:
            waiting = self.counts.waiting
            self._complain(f"the request log cannot be written, {waiting} records wait: {error}")

    def _write_batch(self) -> None:
        queue, batch = self._queue, self._batch
        while queue and len(batch) < BATCH:
            batch.append(queue.popleft())
        dropped = self.counts.dropped
        calls = [call for call, _ in batch]
        self._log.write(calls, lost=dropped - self._told, at=self._wall())
        if dropped > self._told:
            self._complain(f"{dropped - self._told} records of requests were dropped: no room")
            self._told = dropped
        self._went += sum(map(_size, calls))
        self.counts.written += len(batch)
        for _, done in batch:
            if done is not None:
                _settle(done, kept=True)
        batch.clear()
        if self._spans is not None:
            self._spans.take(calls)

    def _trim(self) -> None:
        now = self._wall()
        if now >= self._trim_from:
            self._trim_from = now + TRIM_EVERY
            self._log.trim(self._retention, now)

    def _complain(self, words: str) -> None:
        now = self._wall()
        if now >= self._tell_from:
            self._tell_from = now + TELL_EVERY
            self._tell(words)


# Below: private.


def _size(call: ServedCall) -> int:
    return FRAME + len(call.request) + len(call.answer)


def _settle(done: asyncio.Future[bool], *, kept: bool) -> None:
    loop = done.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_set, done, kept)


def _set(done: asyncio.Future[bool], kept: bool) -> None:  # noqa: FBT001  called by the loop
    if not done.done():
        done.set_result(kept)
