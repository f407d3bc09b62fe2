"""The clock of the machine."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Monotonic time of this machine."""

    def seconds(self) -> float:
        """Return a monotonic reading in seconds."""
        return time.monotonic()

    now = staticmethod(time.time)
    """Seconds since the epoch, for what is shown to people and clients."""

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the event loop."""
        await asyncio.sleep(seconds)
