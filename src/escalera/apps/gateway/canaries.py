"""Canaries: a share of the live calls goes to a candidate, until something shows that it must not.

A call of the candidate is held against the mean of the other calls since its last one: both were
assigned by chance, so they differ on the mean only where the systems do. Where a guard is broken
the share is 0 from that moment on, here and in every worker that reads of it, also after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from escalera.apps.gateway import pairing
from escalera.apps.gateway.asked import Asked
from escalera.apps.gateway.board import Plan
from escalera.apps.gateway.hot import Ended
from escalera.apps.gateway.mirroring import NO_ANSWER, Heard, Means
from escalera.core.serving.trials import State
from escalera.domain.trial import Paired, Taken
from escalera.errors import EscaleraError

MOST = 200
"""Other calls that one of the candidate is held against, at most: the latest."""
WAITING = 1000
"""Pairs that may wait to be written; beyond, they are dropped and counted."""


class Canary:
    """Sends a *share* of the calls of a name to *plan*; `state` is what all pairs say so far."""

    def __init__(
        self,
        name: str,
        plan: Plan,
        share: float,
        means: Means,
        *,
        state: State,
        rolled_back: Callable[[State], None],
    ) -> None:
        self.state = state
        self._name, self._plan, self._share = name, plan, share
        self._book, self._metrics, self._draw = means.book, means.metrics, means.draw
        self._rolled_back = rolled_back
        self._others: list[Taken] = []
        self._pairs: asyncio.Queue[Paired] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, asked: Asked, plan: Plan) -> Plan:
        """Where a call goes."""
        if self.state.word == "broken":
            return plan
        if self._draw() < self._share:
            asked.watch = Heard(self._tried)
            return self._plan
        asked.watch = Heard(self._other)
        return plan

    async def drained(self) -> None:
        """Wait until what there is was written."""
        if self._pairs is not None:
            await self._pairs.join()

    async def close(self) -> None:
        """Write what there is, and end."""
        await self.drained()
        if self._task is not None:
            self._task.cancel()

    # Private

    def _other(self, ended: Ended, heard: bytes) -> None:
        taken = pairing.taken(ended, pairing.said(ended.asked.operation, heard))
        if taken is not None:
            self._others.append(taken)
            del self._others[:-MOST]

    def _tried(self, ended: Ended, heard: bytes) -> None:
        said = pairing.said(ended.asked.operation, heard) if heard else None
        candidate = pairing.taken(ended, said)
        if candidate is None or not self._others:
            return
        if ended.found is not None and ended.found.purpose == "fallback":
            candidate = NO_ANSWER
        event = Paired(
            trial=self._name,
            kind="canary",
            request=ended.asked.id,
            live=pairing.mean(self._others),
            candidate=candidate,
        )
        self._others.clear()
        self._write(event)

    def _write(self, event: Paired) -> None:
        if self._pairs is None:
            self._pairs = asyncio.Queue(WAITING)
            self._task = asyncio.get_running_loop().create_task(self._writing(self._pairs))
        try:
            self._pairs.put_nowait(event)
        except asyncio.QueueFull:
            self._metrics.count("mirrors_total", (self._name, "dropped"))

    async def _writing(self, pairs: asyncio.Queue[Paired]) -> None:
        while True:
            event = await pairs.get()
            try:
                before, self.state = self.state, await self._book.record(event, self._name)
                self._metrics.count("mirrors_total", (self._name, "answered"))
                if before.word != "broken" and self.state.word == "broken":
                    self._rolled_back(self.state)
            except EscaleraError:
                self._metrics.count("mirrors_total", (self._name, "lost"))
            finally:
                pairs.task_done()
