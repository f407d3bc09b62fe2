"""A journal in memory, for tests of projects: same contract as the others, nothing on disk."""

from __future__ import annotations

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
