"""The rows of CSV and TSV files that begin with the names of their columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from escalera.edges.tables.refusing import Refusal

SUFFIXES = (".csv", ".tsv")
LONGEST_LINE = 1_000_000
"""Characters."""
LONGEST_CELL = 131_072
"""Characters: the limit of Python's own reader."""
_TOO_LONG = "field larger than field limit"
"""What that reader says of a longer one."""

NO_UTF8 = "is not CSV (it holds bytes that are no UTF-8)"
OTHERS = (";", "\t", ",")
"""Signs that stand between cells in tables of others."""
REMEDY = "Write one row per line in UTF-8, cells divided by commas (tabs in .tsv)"
"""What is said beside every problem."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What is wrong with one row; the rows after it can be read."""

    problem: str


def opened(path: Path) -> IO[str]:
    """The file as text in which bytes that are no UTF-8 can be told, row by row.

    Raises `OSError` for a file that is unreadable.
    """
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def rows(path: Path, stream: IO[str], *, error: Refusal) -> Iterator[tuple[str, dict[str, str]]]:
    """The place and the cells of each row, by the names of their columns.

    Raises *error* for what is no table: cells without a column, a column that comes twice.
    """
    for place, found in entries(path, stream, error=error):
        if isinstance(found, Broken):
            raise _refused(error, path, place, found.problem)
        yield place, found


def entries(
    path: Path, stream: IO[str], *, error: Refusal
) -> Iterator[tuple[str, dict[str, str] | Broken]]:
    """The place of each row, with its cells by the names of their columns or what is wrong with it.

    Raises *error* for what is no table, and where it cannot be known what the next row is.
    """
    reader = csv.reader(_lines(path, stream, error), delimiter=delimiter(path), strict=True)
    begun = 1
    try:
        names = next(reader, None)
        if names is None:
            return
        if twice := [name for name in names if names.count(name) > 1]:
            problem, remedy = f"names the column {twice[0]!r} twice", "Rename one of them"
            raise error(file=str(path), place="line 1", problem=problem, remedy=remedy)
        if (unusable := _unusable(names, delimiter(path))) is not None:
            raise _refused(error, path, "line 1", unusable)
        begun = reader.line_num + 1
        for cells in reader:
            if cells:
                yield f"line {reader.line_num}", _row(names, cells)
            begun = reader.line_num + 1
    except csv.Error as broken:
        place = f"line {begun}"
        if str(broken).startswith(_TOO_LONG):
            problem = f"a cell has more than {LONGEST_CELL} characters"
            remedy = "Close its quotation mark, shorten it, or write JSON lines or Parquet"
            raise error(file=str(path), place=place, problem=problem, remedy=remedy) from None
        raise _refused(error, path, place, f"is not CSV ({broken})") from None


def delimiter(path: Path) -> str:
    """What stands between cells, by the ending of the file's name."""
    return "\t" if path.suffix.lower() == ".tsv" else ","


# Below: private.


def _unusable(names: Sequence[str], sign: str) -> str | None:
    """What is wrong with the names of the columns."""
    if not _is_utf8(names):
        return NO_UTF8
    other = next((one for one in OTHERS if one != sign and one in names[0]), None)
    if len(names) == 1 and other is not None:
        return f"has one column, {names[0][:60]!r}, whose name holds {other!r}"
    return None


def _row(names: Sequence[str], cells: Sequence[str]) -> dict[str, str] | Broken:
    if not _is_utf8(cells):
        return Broken(NO_UTF8)
    if len(cells) != len(names):
        return Broken(f"has {len(cells)} cells under {len(names)} names of columns")
    return dict(zip(names, cells, strict=True))


def _is_utf8(cells: Sequence[str]) -> bool:
    """Whether no cell holds a byte that could not be decoded."""
    text = "".join(cells)
    return text.isascii() or text == text.encode(errors="ignore").decode()


def _lines(path: Path, stream: IO[str], error: Refusal) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            problem = f"a line is longer than {LONGEST_LINE} characters"
            raise _refused(error, path, "", problem)
        yield line


def _refused(error: Refusal, path: Path, place: str, problem: str) -> Exception:
    return error(file=str(path), place=place, problem=problem, remedy=REMEDY)
