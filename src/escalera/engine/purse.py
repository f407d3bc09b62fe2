"""What is left of the caps, shared by everything that buys calls at the same time.

The worst case of a call is reserved before it is made and given back when its real price is in the
evidence, so that no cap is exceeded however many calls are in flight. The most that was reserved at
a time is in the journal before it can be spent: what a crash cuts off stays counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from escalera.core.evidence import Evidence
from escalera.core.ladder.caps import NOTHING, Caps, Cost
from escalera.core.ladder.steps import Call
from escalera.domain.event import Reserved

Record = Callable[[Sequence[Reserved]], None]


class Purse:
    """Caps over one body of evidence, which grows while calls are made."""

    def __init__(self, caps: Caps, evidence: Evidence, record: Record) -> None:
        self.caps = caps
        self._evidence = evidence
        self._record = record
        self._reserved = NOTHING
        self._secured = NOTHING  # the part of it that the journal knows of
        self._cut_off = evidence.spent.reserved  # by crashes of earlier runs
        self._turn: asyncio.Task[None] | None = None
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

    async def affords(self, cost: Cost) -> bool:
        """Whether the caps allow *cost*. Waits while calls in flight may still give back."""
        while not self._allows(cost):
            if self._reserved == NOTHING:
                return False
            await self._freed.wait()
        return True

    def held(self, calls: Sequence[Call]) -> AbstractContextManager[None]:
        """Set the worst case of *calls* aside, as `reserved` does."""
        return self.reserved(self.caps.worst(calls))

    @contextmanager
    def reserved(self, worst: Cost) -> Iterator[None]:
        """Set a cost aside; at the end the evidence holds what was really spent.

        Wait for `secured` before it is spent.
        """
        self._reserved += worst
        try:
            yield
        finally:
            self._reserved -= worst
            self._freed.set()
            self._freed = asyncio.Event()

    async def secured(self) -> None:
        """Return when what is held is in the journal. Workers of one turn share a transaction."""
        if not self.caps.limited or self._secured.most(self._reserved) == self._secured:
            return
        if self._turn is None or self._turn.done():
            self._turn = asyncio.ensure_future(self._secure())
        await asyncio.shield(self._turn)

    def settle(self) -> None:
        """Give back in the journal what is held no more; while something is held, do nothing."""
        if self._reserved == NOTHING and self._secured != NOTHING:
            self._write(NOTHING)

    async def _secure(self) -> None:
        await asyncio.sleep(0)  # whatever else this turn of the loop holds
        self._turn = None
        self._write(self._secured.most(self._reserved))

    def _write(self, secured: Cost) -> None:
        before = self._cut_off
        self._record(
            [
                Reserved(
                    calls=before.calls + secured.calls,
                    tokens=before.tokens + secured.tokens,
                    micro_dollars=before.micro_dollars + secured.micro_dollars,
                )
            ]
        )
        self._secured = secured

    def _fits(self, calls: Sequence[Call]) -> bool:
        return self._allows(self.caps.worst(calls))

    def _allows(self, cost: Cost) -> bool:
        # What is secured is in the evidence already.
        return self.caps.fits(self._evidence.spent, self._reserved + cost - self._secured)
