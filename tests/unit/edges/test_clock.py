"""The machine's clock."""

import asyncio

from escalera.edges.clock import SystemClock


def test_time_goes_on() -> None:
    """Readings never fall, and waiting takes at least as long as asked."""
    clock = SystemClock()
    before = clock.seconds()
    asyncio.run(clock.sleep(0.01))
    assert clock.seconds() - before >= 0.009
