"""Spans of a text: a start and an end each."""

from __future__ import annotations

from collections.abc import Iterable


def apart(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same characters in spans that do not overlap, ascending."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
