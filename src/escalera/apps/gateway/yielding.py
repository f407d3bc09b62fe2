"""Room for what nobody waits for, beside callers who do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LOOK = 0.05
"""Seconds between two looks at how many callers wait."""


class Turnstile:
    """Lets as many through at a time as *most* says now, in the order in which they came."""

    def __init__(self, most: Callable[[], int]) -> None:
        self.inside = 0
        self._most = most
        self._first = asyncio.Lock()
        self._left = asyncio.Event()

    @asynccontextmanager
    async def through(self) -> AsyncIterator[None]:
        """One of those who are inside."""
        async with self._first:
            while self.inside >= self._most():
                self._left.clear()
                try:
                    async with asyncio.timeout(LOOK):
                        await self._left.wait()
                except TimeoutError:
                    continue  # callers may have left meanwhile
            self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
            self._left.set()
