"""Where nothing gathers what many requests do, nothing waits."""

from __future__ import annotations

import asyncio

from escalera.apps.gateway.gathering import at_once


def test_everything_is_done_at_once() -> None:
    """A transport is as it was, and work is done in its place."""
    done: list[str] = []
    transport = asyncio.Transport()
    assert at_once().hold(transport) is transport
    at_once().gather("note", done.append, "a")
    assert done == ["a"]
