"""What callers leave with a gateway: files and batches. One worker's part of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from escalera.apps.gateway import batches, files
from escalera.apps.gateway.app import Gateway, Room
from escalera.apps.gateway.batches import Office
from escalera.apps.gateway.batching import Batching
from escalera.apps.gateway.hot import Entrance
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.working import Means
from escalera.apps.gateway.yielding import Turnstile
from escalera.core.serving.batching import at_once
from escalera.errors import StoreUnavailable
from escalera.ports.jobs import BatchBook
from escalera.settings.gateway_table import GatewayTable
from escalera.wiring import stores
from escalera.wiring.stores import Stores

TIDY = 60.0
"""Seconds between two looks for what has expired."""


class Deposits:
    """Opens the stores. *table* is the one in use; *tell* says things to the operator, and
    what is counted is counted in *metrics*.

    Raises `StoreUnavailable`.
    """

    def __init__(
        self,
        found: Stores,
        *,
        table: Callable[[], GatewayTable],
        now: Callable[[], float],
        tell: Callable[[str], None],
        metrics: Metrics | None = None,
    ) -> None:
        self._files, self._batches = found.files(), found.batches()
        self._metrics = metrics or Metrics()
        self._table, self._now, self._tell = table, now, tell
        self._batching: Batching | None = None

    @property
    def book(self) -> BatchBook:
        """The batches."""
        return self._batches

    def rooms(self) -> list[Room]:
        """What is served."""
        office = Office(
            book=self._batches,
            store=self._files,
            now=self._now,
            name=stores.new_batch,
            poke=self._poke,
        )
        of_files = files.room(self._files, lambda: self._table().files, self._now)
        return [of_files, batches.room(office)]

    @asynccontextmanager
    async def running(self, gateway: Gateway, entrance: Entrance) -> AsyncIterator[None]:
        """Look after it; everything is closed at the end."""
        batching = self._batching = Batching(self._means(gateway, entrance))
        tidying = asyncio.create_task(self._tidy())
        running = asyncio.create_task(batching.run())
        running.add_done_callback(self._told)
        try:
            yield
        finally:
            tidying.cancel()
            await batching.close()
            await asyncio.gather(tidying, running, return_exceptions=True)
            self._batches.close()
            self._files.close()

    # Private

    def _means(self, gateway: Gateway, entrance: Entrance) -> Means:
        def most() -> int:
            live = gateway.regime.requests - gateway.inside.asking
            return at_once(self._table().batches.concurrency, live)

        turnstile = Turnstile(most)
        return Means(
            worker=stores.new_id(),
            book=self._batches,
            store=self._files,
            inside=gateway.inside,
            turnstile=turnstile,
            named=entrance.named,
            look=gateway.look,
            table=self._table,
            now=self._now,
            tell=self._tell,
            metrics=self._metrics,
        )

    def _poke(self) -> None:
        if self._batching is not None:
            self._batching.poke()

    def _told(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell(f"batches are not worked off any more: {error!r}")

    async def _tidy(self) -> None:
        """Remove files that have expired, and what a killed process left of its uploads."""
        while True:
            try:
                await asyncio.to_thread(self._files.sweep)
            except StoreUnavailable as error:
                self._tell(f"files are not swept: {error}")
            await asyncio.sleep(TIDY)
