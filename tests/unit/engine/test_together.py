"""Work side by side: what is under way ends well where it can, and nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest

from escalera.engine.together import all_or_first_error
from escalera.errors import JournalConflict, ProviderUnavailable


class Log:
    """Pieces of work that write down how they ended."""

    def __init__(self):
        self.ended = []

    async def lasts(self, name):
        try:
            for _ in range(5):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.ended.append(f"{name} cancelled")
            raise
        self.ended.append(name)

    async def fails(self, error):
        await asyncio.sleep(0)
        raise error


def run(*work):
    asyncio.run(all_or_first_error(work))


def test_all_of_it_is_done():
    """Without an error everything ends by itself."""
    log = Log()
    run(log.lasts("a"), log.lasts("b"))
    assert sorted(log.ended) == ["a", "b"]


def test_an_absent_endpoint_lets_the_rest_end():
    """What is under way is paid for; the error itself is raised, not a group of errors."""
    log = Log()
    with pytest.raises(ProviderUnavailable):
        run(log.lasts("a"), log.fails(ProviderUnavailable("away", provider="x")))
    assert log.ended == ["a"]


def test_anything_else_ends_it_at_once():
    """Where answers cannot be recorded none is to be bought."""
    log = Log()
    with pytest.raises(JournalConflict):
        run(log.lasts("a"), log.fails(JournalConflict("another process")))
    assert log.ended == ["a cancelled"]
