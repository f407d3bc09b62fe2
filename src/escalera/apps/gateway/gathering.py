"""Every request by itself: what stands where nothing gathers those of a turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from escalera.ports.serving import Cohorts, Stage

T = TypeVar("T")


def at_once() -> Cohorts:
    """The port, with nothing that waits."""
    return _AT_ONCE


class AtOnce:
    """Passes on what is written, and does what is to be done."""

    def hold(self, transport: asyncio.Transport) -> asyncio.Transport:
        """The same transport."""
        return transport

    def gather(self, stage: Stage, work: Callable[[T], None], one: T) -> None:
        """Call *work* now."""
        del stage
        work(one)


_AT_ONCE = AtOnce()
