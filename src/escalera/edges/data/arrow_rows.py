"""Rows of Parquet files and of Arrow streams. Needs the extra `parquet`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from escalera.core.data.rows import Entry
from escalera.edges.data import cells
from escalera.edges.tables import parquet_table
from escalera.errors import DataError

UNLABELLED = -1
"""The class of rows that have none, as in test sets whose labels are kept secret."""
HUGGINGFACE = b"huggingface"
"""The key under which the `datasets` library keeps the types of columns."""


def parquet(file: Path) -> Iterator[Entry]:
    """The rows of a Parquet file; classes by their names, where the `datasets` library wrote it.

    Raises `OSError` or `DataError`.
    """
    file.stat()
    names = _classes(_metadata(file))
    for place, row in parquet_table.rows(file, error=DataError):
        yield place, cells.told(_named(row, names))


def arrow(file: Path) -> Iterator[Entry]:
    """The rows of an Arrow stream, as `datasets.save_to_disk` writes it; classes by their names.

    Raises `OSError` or `DataError`.
    """
    file.stat()
    try:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
            names = _classes(stream.schema.metadata)
            number = 0
            for batch in stream:
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", cells.told(_named(row, names))
    except (pa.ArrowException, ValueError) as broken:
        problem, remedy = f"cannot be read ({broken})", "Write the file again"
        raise DataError(file=str(file), problem=problem, remedy=remedy) from broken


# Below: private.


def _metadata(file: Path) -> Mapping[bytes, bytes] | None:
    """What is kept beside the columns; None for a file that is none, which its rows will tell."""
    try:
        found: Mapping[bytes, bytes] | None = pq.read_schema(file).metadata
    except (pa.ArrowException, OSError, ValueError):
        return None
    return found


def _classes(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """The names of classes by the columns that hold their numbers."""
    found = json.loads((metadata or {}).get(HUGGINGFACE, b"{}"))
    features = found.get("info", {}).get("features", {})
    return {
        column: kind["names"]
        for column, kind in features.items()
        if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"
    }


def _named(row: dict[str, Any], names: Mapping[str, list[str]]) -> dict[str, Any]:
    for column, known in names.items():
        number = row.get(column)
        if isinstance(number, int) and 0 <= number < len(known):
            row[column] = known[number]
        elif number == UNLABELLED:
            row[column] = None
    return row
