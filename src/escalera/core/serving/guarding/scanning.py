"""Where patterns match: from left to right, each decision made from what stands near it.

At every character the longest match that begins there counts, and the search goes on behind it; a
match that its pattern does not accept counts for nothing. So what is found does not depend on how a
text was cut, as long as 64 characters are known from where a match may begin.

A `Scan` looks for patterns that have one thing done to them (block, redact or flag): findings of
one never hide those of another. `Searching` is what it needs of the port `Matcher`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from escalera.core.serving.guarding.pattern import CONTEXT, WINDOW, Pattern

NEAR = 2 * WINDOW
"""Characters behind a first look within which its match ends."""

Looks = Mapping[int, Sequence[int]]
"""By the place of a pattern, where first looks at it end, ascending; -1 for anywhere."""


class Searching(Protocol):
    """What the port `Matcher` offers."""

    def hits(self, text: str) -> Sequence[tuple[int, int]]: ...
    def search(self, place: int, text: str, start: int, end: int) -> tuple[int, int] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a pattern found: its place, where it starts, where its run starts and ends.

    `open`: the run reached the end of the text, and may go on.
    """

    place: int
    start: int
    run: int
    end: int
    open: bool = False


def looks(matcher: Searching, text: str, start: int = 0) -> dict[int, list[int]]:
    """What `hits` says of *text* from *start* on."""
    return gathered(matcher.hits(text[start:] if start else text), start)


def gathered(hits: Sequence[tuple[int, int]], start: int = 0) -> dict[int, list[int]]:
    """The same of *hits* that were told already."""
    found: dict[int, list[int]] = {}
    for place, end in hits:
        found.setdefault(place, []).append(end if end < 0 else end + start)
    for ends in found.values():
        ends.sort()
    return found


class Scan:
    """Looks for the patterns at *places* of *patterns* in a text that may grow.

    `at` is the character from which on nothing is decided, `open` the match whose run may go on.
    """

    def __init__(
        self, patterns: Sequence[Pattern], places: Sequence[int], matcher: Searching
    ) -> None:
        self._patterns = patterns
        self._places = frozenset(places)
        self._matcher = matcher
        self.at = 0
        self.open: Match | None = None

    def advance(self, text: str, found: Looks, limit: int | None = None) -> list[Match]:
        """The matches that *text* decides beyond `at`.

        Without *limit* the text ends here. With it, matches that begin there or later are not
        decided, and the same text comes again with more at its end; a match that is open comes
        again, too.
        """
        final = limit is None
        matches: list[Match] = []
        if self.open is not None:
            matches.append(self._closed(text, self.open, final=final))
        if self.open is None:
            limit = len(text) if limit is None else limit
            self._decide(text, found, matches, limit, final=final)
            if self.open is None:
                self.at = max(self.at, limit)
        return matches

    def skip(self, text: str, limit: int | None = None) -> None:
        """As `advance`, where there is no look and nothing is open: nothing matches."""
        self.at = max(self.at, len(text) if limit is None else limit)

    def forget(self, many: int) -> None:
        """The first *many* characters of the text will not come again."""
        self.at -= many
        if (match := self.open) is not None:
            self.open = replace(
                match, start=match.start - many, run=match.run - many, end=match.end - many
            )

    def _decide(
        self, text: str, found: Looks, matches: list[Match], limit: int, *, final: bool
    ) -> None:
        ahead = [
            _Ahead(self._patterns[place], place, ends, self._matcher)
            for place, ends in found.items()
            if place in self._places
        ]
        while self.open is None:
            ahead = [one for one in ahead if one.seek(text, self.at, limit)]
            if not ahead:
                return
            best = min(ahead, key=lambda one: (one.start, -one.end, one.place))
            matches.append(self._closed(text, best.match(), final=final))

    def _closed(self, text: str, match: Match, *, final: bool) -> Match:
        """*match* with its run as far as it goes, and `at` behind it."""
        pattern = self._patterns[match.place]
        if pattern.run:
            match = _with_run(pattern, text, match, final=final)
        self.open = match if match.open else None
        self.at = match.end
        return match


def beginnings(patterns: Sequence[Pattern]) -> re.Pattern[str]:
    """Where one of them may begin that is not all there; anywhere, if one of them says nothing.

    Most of them begin no word in its midst, and each with few characters: that is looked at first,
    for all that have it in common, so that in plain words most are out of the question at once.
    """
    groups: dict[bool, dict[str, list[str]]] = {}
    for before, opening in dict.fromkeys((one.before, one.opening) for one in patterns):
        rest = before.removeprefix(r"\w")
        behind = f"(?<![{rest}])" if rest else ""
        said = opening or ""
        together = groups.setdefault(rest != before, {})
        together.setdefault(_first(said), []).append(f"{behind}(?:{said})")
    found = []
    for apart, by_first in groups.items():
        said = "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in by_first.items())
        found.append((r"(?<!\w)" if apart else "") + f"(?:{said})")
    return re.compile("|".join(found) or "(?!)", re.ASCII)


def undecided(beginning: re.Pattern[str], text: str, start: int) -> int:
    """From which character on, not before *start*, more text may change what begins there."""
    found = beginning.search(text, max(len(text) - WINDOW + 1, start))
    return len(text) if found is None else found.start()


# Below: private.

_BEHIND = CONTEXT + 16
"""Characters behind a look at which a match may begin: another look may have been left out."""


def _first(opening: str) -> str:
    """What looks for a character with which *opening* may begin: one of them, or none of ASCII."""
    one = re.compile(opening, re.ASCII)
    found = [sign for sign in map(chr, range(128)) if one.match(sign)]
    return f"(?=[{re.escape(''.join(found))}\\x80-\U0010ffff])" if len(found) < 128 else ""


class _Ahead:
    """The next match of one pattern."""

    def __init__(
        self, pattern: Pattern, place: int, ends: Sequence[int], matcher: Searching
    ) -> None:
        self._pattern = pattern
        self._matcher = matcher
        self._regions = _regions(ends)
        self._next = 0
        self.place = place
        self.start = self.end = -1

    def seek(self, text: str, at: int, limit: int) -> bool:
        """Find the first that begins at *at* or later, and before *limit*; False for none."""
        if self.start >= at:
            return True
        while self._next < len(self._regions):
            first, last = self._regions[self._next]
            if self._within(text, max(first, at), last, limit):
                return True
            self._next += 1
        return False

    def match(self) -> Match:
        """It, without its run."""
        return Match(place=self.place, start=self.start, run=self.end, end=self.end)

    def _within(self, text: str, first: int, last: int, limit: int) -> bool:
        last = min(last, limit - 1)
        end = min(len(text), last + NEAR)
        while first <= last:
            found = self._matcher.search(self.place, text, first, end)
            if found is None or found[0] > last:
                break
            self.end = self._pattern.accepts(text, *found)
            self.start = found[0]
            if self.end:
                return True
            first = self.start + 1
        self.start = -1
        return False


def _regions(ends: Sequence[int]) -> list[tuple[int, int]]:
    """First and last character at which a match of the looks that end at *ends* may begin."""
    if ends[0] < 0:
        return [(0, 1 << 62)]
    found = [(ends[0] - WINDOW, ends[0] + _BEHIND)]
    for end in ends[1:]:
        if end - WINDOW <= found[-1][1] + 1:
            found[-1] = (found[-1][0], end + _BEHIND)
        else:
            found.append((end - WINDOW, end + _BEHIND))
    return found


def _with_run(pattern: Pattern, text: str, match: Match, *, final: bool) -> Match:
    end = pattern.run_from(text, match.end)
    if pattern.ends:
        mark = text.find(pattern.ends, max(match.run, match.end - len(pattern.ends) + 1), end)
        if mark >= 0:
            return replace(match, end=mark + len(pattern.ends), open=False)
    joint = end == len(text) - 1 and text[end] in pattern.joints
    return replace(match, end=end, open=not final and (end == len(text) or joint))
