"""A journal and lines in memory, for tests: same contracts as the others, nothing on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from escalera.domain.event import Event, Judged, Observed


class MemoryJournal:
    """A list of events behind the journal's port."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = list(events)

    def append(self, events: Sequence[Event]) -> None:
        """Append all of *events*."""
        self._events += tuple(events)

    def events(self) -> Iterator[Event]:
        """Every event in order."""
        return iter(tuple(self._events))

    def bought(self, requests: Sequence[str]) -> Mapping[str, Observed]:
        """Answers that were bought, by the keys of their requests."""
        wanted = set(requests)
        return {
            event.request: event
            for event in self._events
            if isinstance(event, Observed) and event.bought and event.request in wanted
        }

    def judged(self, requests: Sequence[str]) -> Mapping[str, Judged]:
        """Grades that were bought, by the keys of their requests."""
        wanted = set(requests)
        return {
            event.request: event
            for event in self._events
            if isinstance(event, Judged) and event.bought and event.request in wanted
        }

    def close(self) -> None:
        """Nothing is held."""


class MemoryLines:
    """A list of lines behind the port of files that only grow."""

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        self._lines = list(lines)

    def read(self) -> tuple[bytes, ...]:
        """Every line in order."""
        return tuple(self._lines)

    def append(self, line: Mapping[str, object]) -> None:
        """Add one line."""
        self._lines.append(json.dumps(line, ensure_ascii=False, allow_nan=False).encode())

    def close(self) -> None:
        """Nothing is held."""
