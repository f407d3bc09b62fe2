"""Group commit: what arrives in one turn of the event loop becomes one durable transaction.

A transaction costs the same for one answer as for a hundred. Who adds an answer goes on when it is
durable, so a crash loses at most the calls in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from escalera.domain.event import Observed

Kept = TypeVar("Kept")
Record = Callable[[Sequence[Observed]], None]


class Recorder(Generic[Kept]):
    """Collects answers of concurrent calls and hands them to *record* together, in their order."""

    def __init__(self, record: Callable[[Sequence[Kept]], Awaitable[None] | None]) -> None:
        self._record = record
        self._waiting: list[Kept] = []
        self._turn: asyncio.Task[None] | None = None

    async def add(self, events: Sequence[Kept]) -> None:
        """Return when *events* are recorded. Raises what recording them raises."""
        if not events:
            return
        self._waiting.extend(events)
        self._turn = self._turn or asyncio.ensure_future(self._commit())
        await asyncio.shield(self._turn)

    async def _commit(self) -> None:
        await asyncio.sleep(0)  # whatever else this turn of the loop brings
        events, self._waiting, self._turn = self._waiting, [], None
        recording = self._record(events)
        if recording is not None:
            await recording
