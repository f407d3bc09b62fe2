"""The journal in memory, beyond the contract of journals."""

from __future__ import annotations

import pytest

from escalera.domain.event import Failed
from escalera.testing.memory import MemoryJournal

EVENT = Failed(step="s", cause="c", retryable=False)


def test_it_can_begin_with_events():
    """A test may start in the middle of a climb."""
    assert list(MemoryJournal([EVENT, EVENT]).events()) == [EVENT, EVENT]


def test_reading_is_not_disturbed_by_writing():
    """A reader sees the events that were there when it began."""
    journal = MemoryJournal([EVENT])
    reading = journal.events()
    journal.append([EVENT])
    assert len(list(reading)) == 1


def test_an_append_that_fails_half_way_appends_nothing():
    """All or none."""
    journal = MemoryJournal()

    def broken():
        yield EVENT
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        journal.append(broken())
    assert list(journal.events()) == []
