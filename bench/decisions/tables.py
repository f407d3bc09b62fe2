"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; numbers come formatted."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def percent(share: float, digits: int = 1) -> str:
    """Return a share as per cent; what is not quite all or nothing never rounds to it."""
    text = f"{100.0 * share:.{digits}f}"
    while 0.0 < share < 1.0 and float(text) in (0.0, 100.0):
        digits += 1
        text = f"{100.0 * share:.{digits}f}"
    return f"{text} %"


def signed(value: float) -> str:
    """Return a difference with its sign, in four digits."""
    return f"{value:+.4f}"
