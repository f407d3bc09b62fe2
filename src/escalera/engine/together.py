"""Work side by side that ends together: nothing paid for is lost, nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

from escalera.errors import ProviderError


async def all_or_first_error(work: Sequence[Coroutine[None, None, None]]) -> None:
    """Run all and raise the first error.

    When the endpoint is away, units under way end and are recorded: they are paid for. Whatever
    else goes wrong ends them.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        for finished in asyncio.as_completed(tasks):
            await finished
    except ProviderError:
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
