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
from escalera.errors import ScoresError

SUFFIXES = (".csv", ".tsv")
LONGEST_LINE = 1_000_000
"""Characters."""
ESCAPED = ("=", "+", "-", "@", "\t", "\r", "'")


def recognises(path: Path) -> bool:
    """Whether the name says so, or the first line names an item and a score."""
    if path.suffix.lower() in SUFFIXES:
        return True
    start = head(path)
    first = start.splitlines()[0] if start else b""
    if not first or len(first) == HEAD or first.startswith(b"{"):
        return False
    names = first.decode("utf-8-sig", errors="replace").split(_delimiter(path))
    return columns.holds_scores(name.strip('"') for name in names)


def read(path: Path) -> ScoreTable:
    """The table of a CSV file with a header; see `columns.COLUMNS` for the names."""
    try:
        stream = path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise unreadable(path, error) from error
    with stream:
        return columns.table(path, _rows(path, stream), kind="CSV")


def write(table: ScoreTable, path: Path) -> None:
    """One line per row, below a header; a missing value is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=_delimiter(path))
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
    reader = csv.reader(_lines(path, stream), delimiter=_delimiter(path), strict=True)
    try:
        names = next(reader, None)
        if names is None:
            return
        if len(set(names)) < len(names):
            raise _error(path, "line 1", "names a column twice")
        for cells in reader:
            if not cells:
                continue
            place = f"line {reader.line_num}"
            if len(cells) != len(names):
                problem = f"has {len(cells)} cells under {len(names)} names of columns"
                raise _error(path, place, problem)
            yield place, dict(zip(names, map(_unescaped, cells), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise _error(path, f"line {reader.line_num}", f"is not CSV ({error})") from None


def _lines(path: Path, stream: IO[str]) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            problem = f"a line is longer than {LONGEST_LINE} characters"
            raise _error(path, "", problem)
        yield line


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _error(path: Path, place: str, problem: str) -> ScoresError:
    remedy = "Write one row per line in UTF-8, cells divided by commas (tabs in .tsv)"
    return ScoresError(file=str(path), place=place, problem=problem, remedy=remedy)
