"""Parquet tables of scores. Needs the extra `parquet`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import columns
from escalera.edges.tables import parquet_table
from escalera.errors import ScoresError

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
    return columns.table(path, parquet_table.rows(path, error=ScoresError), kind="Parquet")


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
