"""Searching with Python's own `re`: exact, and slow at a first look over many expressions.

It tracks back, so an expression of a user's, which nobody has bounded, is left to RE2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from escalera.edges.matching import linear
from escalera.errors import InputError
from escalera.ports.serving import Sought

Find = Callable[[str, int, int], tuple[int, int] | None]
"""The first match within a text from a character to another."""


class PlainMatcher:
    """Looks for each expression whose signs are there, one after another."""

    def __init__(self, sought: Sequence[Sought]) -> None:
        self._finds = [finding(one) for one in sought]
        looks: dict[tuple[str, bool], list[int]] = {}
        for place, one in enumerate(sought):
            looks.setdefault((one.look, one.foreign), []).append(place)
        self._looks = [
            (places, sought[places[0]].signs, None if foreign else compiled(look).search)
            for (look, foreign), places in looks.items()
        ]

    def hits(self, text: str) -> Sequence[tuple[int, int]]:
        """Every expression whose look occurs, anywhere."""
        lower = text.lower()
        found = []
        for places, signs, search in self._looks:
            if signs and not any(sign in lower for sign in signs):
                continue
            if search is None or search(text):
                found += [(place, -1) for place in places]
        return found

    def search(self, place: int, text: str, start: int, end: int) -> tuple[int, int] | None:
        """The first match of one expression."""
        return self._finds[place](text, start, end)


def compiled(expression: str) -> re.Pattern[str]:
    """An expression of our own, by Python's engine. Raises `InputError` where it is none."""
    try:
        return re.compile(expression, re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"{expression!r} is no regular expression: {error}.") from error


def finding(sought: Sought) -> Find:
    """What finds an expression: Python's engine, or for a foreign one RE2."""
    if sought.foreign:
        return linear.finding(sought.expression)
    search = compiled(sought.expression).search

    def find(text: str, start: int, end: int) -> tuple[int, int] | None:
        found = search(text, start, end)
        return None if found is None else found.span()

    return find
