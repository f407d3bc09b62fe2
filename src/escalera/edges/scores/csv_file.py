"""CSV and TSV tables of scores.

A spreadsheet runs what begins with = + - or @ as a formula. Text cells that begin so (or with a
tab, a carriage return or an apostrophe, so that it can be undone) are written with an apostrophe
before them, and read without it. Numbers need none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.edges.scores import columns
from escalera.edges.scores.documents import HEAD, head, unreadable
from escalera.edges.tables import csv_table
from escalera.errors import ScoresError

ESCAPED = ("=", "+", "-", "@", "\t", "\r", "'")


def recognises(path: Path) -> bool:
    """Whether the name says so, or the first line names an item and a score."""
    if path.suffix.lower() in csv_table.SUFFIXES:
        return True
    start = head(path)
    first = start.splitlines()[0] if start else b""
    if not first or len(first) == HEAD or first.startswith(b"{"):
        return False
    names = first.decode("utf-8-sig", errors="replace").split(csv_table.delimiter(path))
    return columns.holds_scores(name.strip('"') for name in names)


def read(path: Path) -> ScoreTable:
    """The table of a CSV file with a header; see `columns.COLUMNS` for the names."""
    try:
        stream = csv_table.opened(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with stream:
        return columns.table(path, _rows(path, stream), kind="CSV")


def write(table: ScoreTable, path: Path) -> None:
    """One line per row, below a header; a missing value is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=csv_table.delimiter(path))
        writer.writerow(columns.FIELDS)
        writer.writerows(_cells(row) for row in table.rows)


# Below: private.


def _cells(row: ScoreRow) -> list[str]:
    return [_cell(getattr(row, name)) for name in columns.FIELDS]


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(ESCAPED) else value
    return repr(value)


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(ESCAPED) else cell


def _rows(path: Path, stream: IO[str]) -> Iterator[tuple[str, columns.Row]]:
    for place, cells in csv_table.rows(path, stream, error=ScoresError):
        yield place, {name: _unescaped(cell) for name, cell in cells.items()}
