"""Columns that are said to mean something, and that no row has: a slip of the pen, to be told.

What lacks its input or its target is told row by row; a cluster, a licence or a split under a wrong
name would be missing without a word, and rows of one customer would part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import FORMS, Entry


def looked_for(entries: Iterable[Entry], columns: Mapping[str, str]) -> Iterator[Entry]:
    """The *entries* of a file, and behind them what is wrong where no row has one of *columns*."""
    left = {meaning: name for meaning, name in columns.items() if meaning not in FORMS["items"]}
    first: Mapping[str, object] | None = None
    for place, found in entries:
        yield place, found
        if isinstance(found, Flaw):
            continue
        first = first or found
        left = {meaning: name for meaning, name in left.items() if name not in found}
    if first is not None:
        for meaning, name in left.items():
            keys = ", ".join(map(repr, list(first)[:8]))
            rule = f"no row says anything in the column {name!r}, named as its `{meaning}`"
            remedy = "Correct the columns, or leave it out"
            yield "", Flaw(f"{rule}: the first row has {keys}", remedy)
