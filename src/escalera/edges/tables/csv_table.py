"""The rows of CSV and TSV files that begin with the names of their columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from escalera.edges.tables.refusing import Refusal

SUFFIXES = (".csv", ".tsv")
LONGEST_LINE = 1_000_000
"""Characters; a cell has 131,072 at most, which is the limit of Python's own reader."""


def rows(path: Path, stream: IO[str], *, error: Refusal) -> Iterator[tuple[str, dict[str, str]]]:
    """The place and the cells of each row, by the names of their columns.

    Raises *error* for what is no table: cells without a column, a column that comes twice.
    """
    reader = csv.reader(_lines(path, stream, error), delimiter=delimiter(path), strict=True)
    try:
        names = next(reader, None)
        if names is None:
            return
        if len(set(names)) < len(names):
            raise _refused(error, path, "line 1", "names a column twice")
        for cells in reader:
            if not cells:
                continue
            place = f"line {reader.line_num}"
            if len(cells) != len(names):
                problem = f"has {len(cells)} cells under {len(names)} names of columns"
                raise _refused(error, path, place, problem)
            yield place, dict(zip(names, cells, strict=True))
    except (csv.Error, UnicodeDecodeError) as broken:
        place = f"line {reader.line_num}"
        raise _refused(error, path, place, f"is not CSV ({broken})") from None


def delimiter(path: Path) -> str:
    """What stands between cells, by the ending of the file's name."""
    return "\t" if path.suffix.lower() == ".tsv" else ","


# Below: private.


def _lines(path: Path, stream: IO[str], error: Refusal) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            problem = f"a line is longer than {LONGEST_LINE} characters"
            raise _refused(error, path, "", problem)
        yield line


def _refused(error: Refusal, path: Path, place: str, problem: str) -> Exception:
    remedy = "Write one row per line in UTF-8, cells divided by commas (tabs in .tsv)"
    return error(file=str(path), place=place, problem=problem, remedy=remedy)
