"""What is left of the caps, shared by everything that buys calls at the same time.

The worst case of a call is reserved before it is made and given back when its real price is in the
evidence, so that no cap is exceeded however many calls are in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from escalera.core.evidence import Evidence
from escalera.core.ladder.budgeting import NOTHING, Caps
from escalera.core.ladder.steps import Call


class Purse:
    """Caps over one body of evidence, which grows while calls are made."""

    def __init__(self, caps: Caps, evidence: Evidence) -> None:
        self._caps = caps
        self._evidence = evidence
        self._reserved = NOTHING
        self._freed = asyncio.Event()

    async def affordable(self, calls: Sequence[Call]) -> Sequence[Call]:
        """As many of the first *calls* as the caps allow, all of them or the most there will be.

        Waits while calls in flight may still give something back. Use `held` before the loop turns.
        """
        while True:
            if self._fits(calls):
                return calls
            if self._reserved == NOTHING:
                break
            await self._freed.wait()
        most = len(calls)
        while most and not self._fits(calls[:most]):
            most -= 1
        return calls[:most]

    @contextmanager
    def held(self, calls: Sequence[Call]) -> Iterator[None]:
        """Set the worst case of *calls* aside; at the end the evidence holds what they cost."""
        worst = self._caps.worst(calls)
        self._reserved += worst
        try:
            yield
        finally:
            self._reserved -= worst
            self._freed.set()
            self._freed = asyncio.Event()

    def _fits(self, calls: Sequence[Call]) -> bool:
        return self._caps.fits(self._evidence.spent, self._reserved + self._caps.worst(calls))
