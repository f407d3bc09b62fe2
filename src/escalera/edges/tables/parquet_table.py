"""The rows of Parquet files. Needs the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from escalera.edges.tables.refusing import Refusal

LARGEST = 4_000_000_000
"""Bytes of all columns, unpacked."""
BATCH = 10_000


def rows(path: Path, *, error: Refusal) -> Iterator[tuple[str, dict[str, Any]]]:
    """The place and the cells of each row, by the names of their columns.

    Raises *error* for a file that is none, unpacks to too much, or names a column twice.
    """
    try:
        with pq.ParquetFile(path) as file:
            check_size(path, file.metadata, error=error)
            names = file.schema_arrow.names
            if twice := [name for name in names if names.count(name) > 1]:
                problem = f"names the column {twice[0]!r} twice"
                raise _refused(error, path, problem, "Rename one of them")
            number = 0
            for batch in file.iter_batches(batch_size=BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except (pa.ArrowException, OSError, ValueError) as broken:
        problem = f"cannot be read ({broken})"
        raise _refused(error, path, problem, "Write the file again") from broken


def check_size(
    path: Path, metadata: pq.FileMetaData, *, error: Refusal, largest: int = LARGEST
) -> None:
    """Raise *error* where the columns say that they unpack to more than *largest* bytes."""
    groups = range(metadata.num_row_groups)
    size = sum(metadata.row_group(group).total_byte_size for group in groups)
    if size > largest:
        problem = f"unpacks to {size} bytes, more than {largest}"
        raise _refused(error, path, problem, "Split the file")


# Below: private.


def _refused(error: Refusal, path: Path, problem: str, remedy: str) -> Exception:
    return error(file=str(path), problem=problem, remedy=remedy)
