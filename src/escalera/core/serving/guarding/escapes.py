"""What a text says that is written as within a JSON string, and the way back to how it was written.

The arguments of a call are JSON themselves: a line break in them is a backslash and an `n`, and in
many programs' writing every letter beyond ASCII six characters. Looked at as written, a number
behind a line break stands within a word, and cutting it out would leave a lone backslash. And what
is cut out must leave JSON: of a secret with its name, only the secret.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator


def meant(written: str) -> str:
    """What a whole text says, where its escapes need not be known: most are undone at once."""
    if "\\\\" not in written:
        text = written
        for escape, sign in _SIGNS.items():
            text = text.replace(escape, sign)
        if "\\" not in text:
            return text
    return Escapes().whole(written)


class Escapes:
    """The escapes of a text that comes in pieces, by where in the text as it reads they stand."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._written: list[str] = []
        self._begun = ""
        self._looked = 0
        self._inside = False

    def read(self, piece: str, at: int) -> str:
        """What *piece* says, which goes on at the character *at* of the text as it reads.

        An escape that is not all there waits for the next piece.
        """
        text, self._begun = self._begun + piece, ""
        if "\\" not in text:
            return text
        said, end = [], 0
        for found in _ESCAPE.finditer(text):
            said.append(text[end : found.start()])
            at += found.start() - end
            end = found.end()
            if found["begun"] is not None:
                self._begun = found[0]
                break
            self._places.append(at)
            self._written.append(found[0])
            said.append(_SIGNS.get(found[0]) or json.loads(f'"{found[0]}"'))
            at += 1
        return "".join((*said, text[end:]))

    def whole(self, written: str) -> str:
        """What a text says of which all is there."""
        return self.read(written, 0) + self.rest()

    def rest(self) -> str:
        """What was begun and never came to its end, as it is written."""
        begun, self._begun = self._begun, ""
        return begun

    def written(self, text: str, start: int, end: int) -> str:
        """How `text[start:end]` was written, of the *text* as it reads."""
        first = bisect_left(self._places, start)
        last = bisect_left(self._places, end)
        pieces = []
        for place, escape in zip(self._places[first:last], self._written[first:last], strict=True):
            pieces += [text[start:place], escape]
            start = place + 1
        return "".join((*pieces, text[start:end]))

    def cut(self, text: str, start: int, end: int) -> tuple[int, int, bool]:
        """What is to be cut out for `text[start:end]`, and whether quotes go in its place.

        *text* is as it reads, and later cuts start no earlier than this one.
        """
        quotes, last = [*self._quotes(text, start, end)], end
        if quotes and quotes[-1] == end - 1:
            last = quotes.pop()
        first = quotes[-1] + 1 if quotes else start
        if self._inside_at(text, start) == (len(quotes) % 2 == 0):
            return (first, last, False) if first < last else (start, end, False)
        said = text[first:last]
        first += len(said) - len(said.lstrip(_AROUND))
        last -= len(said) - len(said.rstrip(_AROUND))
        return (first, last, True) if first < last else (start, end, False)

    def values(self, text: str) -> Iterator[tuple[int, int, bool]]:
        """Where values stand in JSON, of which all is there and *text* is as it reads; and whether
        quotes go in the place of one: strings and names without theirs, and what has none, whole.
        """
        at, inside = 0, False
        for quote in (*self._quotes(text, 0, len(text)), len(text)):
            if inside:
                if at < quote:
                    yield at, quote, False
            else:
                for found in _BARE.finditer(text, at, quote):
                    yield *found.span(), True
            at, inside = quote + 1, not inside

    def forget(self, text: str, many: int) -> None:
        """The first *many* characters of *text*, as it reads, will not come again."""
        self._inside_at(text, many)
        self._looked -= many
        first = bisect_left(self._places, many)
        self._places = [place - many for place in self._places[first:]]
        del self._written[:first]

    # Private

    def _quotes(self, text: str, start: int, end: int) -> Iterator[int]:
        """Where a string of the JSON begins or ends."""
        while (start := text.find('"', start, end)) >= 0:
            place = bisect_left(self._places, start)
            if place == len(self._places) or self._places[place] != start:
                yield start
            start += 1

    def _inside_at(self, text: str, at: int) -> bool:
        """Whether the character *at* stands in a string of the JSON."""
        if at > self._looked:
            self._inside ^= sum(1 for _ in self._quotes(text, self._looked, at)) % 2 == 1
            self._looked = at
        return self._inside


# Below: private.

_SIGNS = {
    "\\n": "\n", '\\"': '"', "\\t": "\t", "\\r": "\r", "\\/": "/", "\\b": "\b", "\\f": "\f"
}  # fmt: skip
_AROUND = " \t\r\n:,[]{}"
_BARE = re.compile(rf"[^{re.escape(_AROUND)}]+")
_HEX = "[0-9a-fA-F]"
_HIGH, _LOW = rf"u[dD][89abAB]{_HEX}{{2}}", rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
_LOW_BEGUN = rf"\\(?:u(?:[dD](?:[c-fC-F]{_HEX}?)?)?)?"
_ESCAPE = re.compile(
    rf"(?P<begun>\\(?:u(?:{_HEX}{{0,3}})|{_HIGH}(?:{_LOW_BEGUN})?)?\Z)"
    rf"|\\(?:{_HIGH}{_LOW}|u{_HEX}{{4}}|[\"\\/bfnrt])"
)
