"""A worker's part of the batches: those that are free are taken, held, worked off and let go.

However many workers there are, one works on a batch: it says every few seconds that it lives, and
another takes the batch when it has not said so for a while.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from escalera.apps.gateway.working import Means, Work
from escalera.domain.batch import Batch
from escalera.errors import StoreUnavailable

EVERY = 1.0
"""Seconds between two looks for a batch."""
BEAT = 3.0
"""Seconds between two words that a worker lives."""
SILENT = 15.0
"""Seconds without a word after which another worker takes a batch."""
MOST = 64
"""Batches that one worker has at a time."""
GRACE = 5.0
"""Seconds that answers in flight have when the worker ends."""


class Batching:
    """Works batches off until it is closed."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._works: dict[asyncio.Task[None], Work] = {}
        self._poked = asyncio.Event()
        self._ends = False

    async def run(self) -> None:
        """Until it is closed."""
        while not self._ends:
            taken = await self._take() if len(self._works) < MOST else None
            if taken is not None:
                self._begin(taken)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._poked.wait()
            self._poked.clear()

    def poke(self) -> None:
        """There is another batch."""
        self._poked.set()

    async def close(self) -> None:
        """Begin nothing more; what is in flight has a moment, and another worker does the rest."""
        self._ends = True
        self.poke()
        works = tuple(self._works)
        for work in self._works.values():
            work.leave()
        if works:
            _, late = await asyncio.wait(works, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # Private

    async def _take(self) -> Batch | None:
        means = self._means
        try:
            return await asyncio.to_thread(
                means.book.take, means.worker, now=means.now(), silent=SILENT
            )
        except StoreUnavailable as error:
            means.tell(f"batches are not looked for: {error}")
            return None

    def _begin(self, batch: Batch) -> None:
        work = Work(batch, self._means)
        task = asyncio.create_task(self._held(work))
        self._works[task] = work
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        work = self._works.pop(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._means.tell(f"batch {work.batch.id} waits to be taken up again: {error!r}")

    async def _held(self, work: Work) -> None:
        """Work a batch off while it is held; what is left when the worker ends is let go."""
        beating = asyncio.create_task(self._beat(work))
        try:
            await work.do()
        finally:
            beating.cancel()
            if self._ends:
                await asyncio.shield(self._release(work))

    async def _release(self, work: Work) -> None:
        means = self._means
        with suppress(StoreUnavailable):  # then it is taken when nobody has spoken for a while
            await asyncio.to_thread(means.book.release, work.batch.id, means.worker)

    async def _beat(self, work: Work) -> None:
        means = self._means
        while True:
            await asyncio.sleep(BEAT)
            try:
                found = await asyncio.to_thread(
                    means.book.beat,
                    work.batch.id,
                    means.worker,
                    now=means.now(),
                    waits=work.waits,
                )
            except StoreUnavailable as error:
                means.tell(f"batch {work.batch.id}: {error}")
            else:
                work.seen(found)
