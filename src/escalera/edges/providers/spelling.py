"""The text of an answer while its tokens come, each token looked at once and its neighbours twice.

A character may be split over tokens, and a token may be spelled by what is before it. So a window
of the last tokens is spelled again with every new one, and what is longer than before is said. What
may become another character, or a stop string, is held back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

_HALF = "\N{REPLACEMENT CHARACTER}"
_BYTES = 3
"""Bytes of a character that may still be missing its last one."""
_WINDOW = 8
"""Tokens with which a window begins; it grows to four times as many."""


class Speller:
    """Spells one answer. *text* says what tokens say; the answer ends before any of *stops*."""

    def __init__(self, text: Callable[[Sequence[int]], str], stops: Sequence[str] = ()) -> None:
        self._text = text
        self._stops = tuple(stops)
        self._tokens: list[int] = []
        self._first = 0
        self._told = 0
        self._held = ""
        self._settled = 0
        self._ends: list[int] = []
        self.said = ""
        self.stopped = False

    def add(self, tokens: Sequence[int]) -> str:
        """What can be said for certain after these tokens as well; nothing after a stop string."""
        for token in tokens:
            if not self.stopped:
                self._tokens.append(token)
                self._held += self._new()
                self._seek()
        return self._say(0 if self.stopped else self._doubtful())

    def end(self) -> str:
        """What was held back, when no more tokens come."""
        if not self.stopped:
            self._held += self._text(self._tokens[self._first :])[self._told :]
            self._seek()
        return self._say(0)

    @property
    def count(self) -> int:
        """How many tokens were looked at."""
        return len(self._tokens)

    @property
    def whole(self) -> int:
        """How many tokens have all that they say in `said`: none that a stop string cuts in two."""
        return bisect_right(self._ends, len(self.said))

    # Private

    def _new(self) -> str:
        """What the window says now and did not before, but for what is no character yet."""
        found = self._text(self._tokens[self._first :])
        halves = len(found) - len(found.rstrip(_HALF))
        settled = len(found) - min(halves, _BYTES)
        new = found[self._told : settled]
        self._told = max(self._told, settled)
        self._settled += len(new)
        self._ends.append(self._settled + (halves > 0))
        if len(self._tokens) - self._first >= 4 * _WINDOW:
            # The tokens before have said all that they will.
            self._first = len(self._tokens) - _WINDOW
            self._told = len(self._text(self._tokens[self._first :])) - (len(found) - settled)
        return new

    def _seek(self) -> None:
        """End the answer before the first stop string in what is held."""
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self._held = self._held[: min(found)]
            self.stopped = True

    def _doubtful(self) -> int:
        """How many of the last letters held may be the beginning of a stop string."""
        most = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(most, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0

    def _say(self, held: int) -> str:
        keep = len(self._held) - held
        new, self._held = self._held[:keep], self._held[keep:]
        self.said += new
        return new
