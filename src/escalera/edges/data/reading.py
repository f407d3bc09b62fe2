"""Reads a file or folder of items in any form that is known here."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Entry
from escalera.edges.data import cells, folders, json_lines
from escalera.edges.tables import csv_table
from escalera.errors import DataError, MissingExtra

PACKED = {".parquet": "parquet", ".arrow": "arrow"}
"""Endings of files that need the extra `parquet`, with the functions that read them."""


def entries(path: Path) -> Iterator[Entry]:
    """What stands in each row, with its place, in order; a file of no known ending is JSON lines.

    Raises `OSError` for what cannot be read, `DataError` for what is no table or data set, and
    `MissingExtra`.
    """
    if not path.is_dir():
        yield from _file(path)
        return
    for part in folders.parts(path):
        name = part.file.relative_to(path)
        for place, found in _part(part):
            yield f"{name} {place}".rstrip(), found


# Below: private.


def _part(part: folders.Part) -> Iterator[Entry]:
    """What stands in a file of a folder; what breaks it off is told, and the next one is read."""
    try:
        for place, found in _file(part.file):
            yield place, found if isinstance(found, Flaw) else {**part.said, **found}
    except DataError as error:
        yield error.place, Flaw(error.problem, error.remedy)


def _file(path: Path) -> Iterator[Entry]:
    suffix = path.suffix.lower()
    if suffix in PACKED:
        if importlib.util.find_spec("pyarrow") is None:
            raise MissingExtra(feature=f"Reading {path.name}", package="pyarrow", extra="parquet")
        module = importlib.import_module("escalera.edges.data.arrow_rows")
        found: Iterator[Entry] = getattr(module, PACKED[suffix])(path)
        return found
    return cells.csv_entries(path) if suffix in csv_table.SUFFIXES else json_lines.entries(path)
