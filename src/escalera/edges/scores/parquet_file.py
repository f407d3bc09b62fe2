"""Parquet tables of scores. Needs the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import columns
from escalera.errors import ScoresError

LARGEST = 4_000_000_000
"""Bytes of all columns, unpacked."""
BATCH = 10_000
SCHEMA = pa.schema(
    [
        pa.field("system", pa.string(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("repeat", pa.int64(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("reason", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("micro_dollars", pa.int64()),
        pa.field("seconds", pa.float64()),
    ]
)


def read(path: Path) -> ScoreTable:
    """The table of a Parquet file; see `columns.COLUMNS` for the names of columns."""
    return columns.table(path, _rows(path), kind="Parquet")


def write(table: ScoreTable, path: Path) -> None:
    """One row group or more with the fields of `ScoreRow`."""
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for start in range(0, max(len(table.rows), 1), BATCH):
            rows = table.rows[start : start + BATCH]
            arrays = [
                pa.array([getattr(row, field.name) for row in rows], type=field.type)
                for field in SCHEMA
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))


def check_size(path: Path, metadata: pq.FileMetaData, *, largest: int = LARGEST) -> None:
    """Raise `ScoresError` where the columns say that they unpack to more than *largest* bytes."""
    groups = range(metadata.num_row_groups)
    size = sum(metadata.row_group(group).total_byte_size for group in groups)
    if size > largest:
        raise _error(path, f"unpacks to {size} bytes, more than {largest}", "Split the file")


# Below: private.


def _rows(path: Path) -> Iterator[tuple[str, columns.Row]]:
    try:
        with pq.ParquetFile(path) as file:
            check_size(path, file.metadata)
            names = file.schema_arrow.names
            if len(set(names)) < len(names):
                raise _error(path, "names a column twice", "Rename one of them")
            number = 0
            for batch in file.iter_batches(batch_size=BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _error(path, f"cannot be read ({error})", "Write the file again") from error


def _error(path: Path, problem: str, remedy: str) -> ScoresError:
    return ScoresError(file=str(path), problem=problem, remedy=remedy)
