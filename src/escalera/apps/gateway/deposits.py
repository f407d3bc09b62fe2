"""What callers leave with a gateway: their files. One worker's part of it, as long as it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from escalera.apps.gateway import files
from escalera.apps.gateway.app import Room
from escalera.errors import StoreUnavailable
from escalera.settings.gateway_table import GatewayTable
from escalera.wiring.stores import Stores

TIDY = 60.0
"""Seconds between two looks for what has expired."""


class Deposits:
    """Opens the stores. *table* is the one in use; *tell* says things to the operator.

    Raises `StoreUnavailable`.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        table: Callable[[], GatewayTable],
        now: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self._files = stores.files()
        self._table, self._now, self._tell = table, now, tell

    def rooms(self) -> list[Room]:
        """What is served."""
        return [files.room(self._files, lambda: self._table().files, self._now)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look after it; everything is closed at the end."""
        tidying = asyncio.create_task(self._tidy())
        try:
            yield
        finally:
            tidying.cancel()
            await asyncio.gather(tidying, return_exceptions=True)
            self._files.close()

    async def _tidy(self) -> None:
        """Remove files that have expired, and what a killed process left of its uploads."""
        while True:
            try:
                await asyncio.to_thread(self._files.sweep)
            except StoreUnavailable as error:
                self._tell(f"files are not swept: {error}")
            await asyncio.sleep(TIDY)
