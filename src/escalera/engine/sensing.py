"""The embeddings of messages in service: within a bounded time, and never an error.

A message that cannot be read is routed all the same: its router abstains, and the incumbent
answers; a route by difficulty asks the strong system.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from escalera.arrays import np
from escalera.core.routing.features import Floats
from escalera.core.routing.router import Choice, Router
from escalera.core.routing.sense import Sense
from escalera.errors import EscaleraError, RequestRejected
from escalera.ports import Clock, Embedder

SECONDS = 1.0
"""Seconds that a message waits for its embedding."""
STREAK = 3
"""Failures in a row after which a model is left alone, for `REST` seconds."""
REST = 5.0

Observe = Callable[[float, bool], None]
"""Called with the seconds that reading a message took, and whether it was read."""


class Senses:
    """Reads messages by a model, each within *seconds*; None where that cannot be.

    A text that the model refuses says nothing of the next one; other failures do, and after
    `STREAK` of them in a row nothing is asked for a while, so that no message waits in vain.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        clock: Clock,
        seconds: float = SECONDS,
        observe: Observe = lambda _seconds, _read: None,
    ) -> None:
        self._embedder = embedder
        self._clock = clock
        self._seconds = seconds
        self._observe = observe
        self._failed = 0
        self._until = -np.inf

    async def read(self, text: str, sense: Sense) -> Floats | None:
        """The embedding of *text*; None where it is not one that *sense* was learned from."""
        began = self._clock.seconds()
        if began < self._until:
            self._observe(0.0, False)  # noqa: FBT003  the second of a pair
            return None
        found = await self._read(text)
        if found is not None and found.shape != sense.centre.shape:
            found = None
        self._observe(self._clock.seconds() - began, found is not None)
        return found

    async def close(self) -> None:
        """Close what is asked."""
        await self._embedder.close()

    # Private

    async def _read(self, text: str) -> Floats | None:
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._embedder.embed([text])
        except RequestRejected:
            return None
        except (EscaleraError, TimeoutError):
            self._failed += 1
            if self._failed >= STREAK:
                self._failed, self._until = 0, self._clock.seconds() + REST
            return None
        self._failed = 0
        return np.array(found.vectors[0], dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferring:
    """Chooses by a router that reads embeddings; `seen` is told every choice."""

    router: Router
    sense: Sense
    senses: Senses
    seen: Callable[[Choice], None] = lambda _: None

    async def choose(self, text: str) -> Choice:
        """What the router says of *text*; it abstains where that cannot be read."""
        found = self.router.choose(text, await self.senses.read(text, self.sense))
        self.seen(found)
        return found
