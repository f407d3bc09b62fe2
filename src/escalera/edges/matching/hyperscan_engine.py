"""Searching with Vectorscan (the package `hyperscan`): one pass over a text for all first looks.

It says where looks end; the matches themselves are found near there by the engine of `plain`. Its
automata have a fixed size and take linear time on any input. One matcher serves one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import hyperscan

from escalera.edges.matching.plain import finding
from escalera.errors import InputError
from escalera.ports.serving import Sought

NEXT = 16
"""Bytes behind an end of a look from which on another one is told: digits end looks everywhere."""


class HyperscanMatcher:
    """Looks of our own in one database; foreign expressions are searched for one by one."""

    def __init__(self, sought: Sequence[Sought]) -> None:
        self._finds = [finding(one) for one in sought]
        self._foreign = [(place, -1) for place, one in enumerate(sought) if one.foreign]
        looks: dict[str, list[int]] = {}
        for place, one in enumerate(sought):
            if not one.foreign:
                looks.setdefault(one.look, []).append(place)
        self._places = list(looks.values())
        self._database = _database(list(looks)) if looks else None
        self._found: list[tuple[int, int]] = []
        self._last: dict[int, int] = {}

    def hits(self, text: str) -> Sequence[tuple[int, int]]:
        """Where looks end."""
        if self._database is None:
            return self._foreign
        data = text.encode("utf-8", "replace")
        self._found.clear()
        self._last.clear()
        self._database.scan(data, match_event_handler=self._hear)
        if not self._found:
            return self._foreign
        ends = self._found
        if len(data) != len(text):
            ends = _in_characters(data, ends)
        return [(place, end) for look, end in ends for place in self._places[look]] + self._foreign

    def search(self, place: int, text: str, start: int, end: int) -> tuple[int, int] | None:
        """The first match of one expression."""
        return self._finds[place](text, start, end)

    def _hear(self, look: int, _start: int, end: int, _flags: int, _context: object) -> None:
        if end - self._last.get(look, -NEXT) >= NEXT:
            self._last[look] = end
            self._found.append((look, end))


# Below: private.

_FOLLOWING = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that begin no character."""


def _database(looks: Sequence[str]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = hyperscan.HS_FLAG_UTF8
    try:
        database.compile(
            expressions=[look.encode() for look in looks],
            ids=list(range(len(looks))),
            elements=len(looks),
            flags=[flags] * len(looks),
        )
    except hyperscan.error as error:
        raise InputError(f"Expressions of guards cannot be compiled: {error}.") from error
    return database


def _in_characters(data: bytes, ends: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found, at, passed = [], 0, 0
    for look, end in sorted(ends, key=itemgetter(1)):
        passed += len(data[at:end].translate(None, _FOLLOWING))
        at = end
        found.append((look, passed))
    return found
