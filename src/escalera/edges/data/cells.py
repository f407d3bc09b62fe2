"""Cells of tables as values of items, and the rows of CSV and TSV files.

Whole numbers and truth values become text, as JSON writes them; a cell without a value is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Entry
from escalera.edges.tables import csv_table
from escalera.errors import DataError


def csv_entries(file: Path) -> Iterator[Entry]:
    """The rows of a CSV or TSV file; an empty cell says nothing. A row that is broken is told, and
    the next one is read.

    Raises `OSError` for a file that is unreadable, `DataError` for what is no table.
    """
    with csv_table.opened(file) as stream:
        for place, found in csv_table.entries(file, stream, error=DataError):
            if isinstance(found, csv_table.Broken):
                yield place, Flaw(found.problem, csv_table.REMEDY)
            else:
                yield place, {name: cell for name, cell in found.items() if cell}


def told(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells that have a value; whole numbers and truth values as text."""
    return {name: _text(value) for name, value in cells.items() if not _is_nothing(value)}


# Below: private.


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value
