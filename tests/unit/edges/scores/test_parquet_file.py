"""Parquet: what is written reads back."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from tests.unit.edges.scores.tables import TABLES, bits, table

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import columns, parquet_file
from escalera.errors import ScoresError


@given(TABLES)
@settings(deadline=None)
def test_what_is_written_reads_back(tmp_path_factory, rows):
    """Every row, and every score bit for bit."""
    file = tmp_path_factory.mktemp("parquet") / "scores.parquet"
    parquet_file.write(rows, file)
    assert bits(parquet_file.read(file)) == bits(rows)


def test_large_and_empty_tables_are_written(tmp_path):
    """In several batches, or with columns only."""
    file = tmp_path / "scores.parquet"
    many = table(*({"repeat": number} for number in range(parquet_file.BATCH + 1)))
    parquet_file.write(many, file)
    assert parquet_file.read(file).rows == many.rows
    parquet_file.write(ScoreTable(rows=(), source="nothing"), file)
    assert pq.read_table(file).column_names == list(columns.FIELDS)
    with pytest.raises(ScoresError, match="holds no scores"):
        parquet_file.read(file)


def test_tables_of_others_are_read(tmp_path):
    """Columns of other names and types."""
    file = tmp_path / "mine.parquet"
    found = pa.table(
        {
            "doc_id": pa.array([1, 2], pa.int32()),
            "correct": pa.array([True, None]),
            "model": pa.array(["a", "a"]).dictionary_encode(),
            "input_tokens": pa.array([3.0, float("nan")], pa.float32()).fill_null(0),
        }
    ).slice(0, 1)
    pq.write_table(found, file)
    row = parquet_file.read(file).rows[0]
    assert (row.system, row.item, row.score, row.prompt_tokens) == ("a", "1", 1.0, 3)


def test_what_is_no_parquet_file_is_named(tmp_path):
    """Broken, with a wrong cell, or not there."""
    file = tmp_path / "mine.parquet"
    file.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(ScoresError, match=r"mine\.parquet: cannot be read"):
        parquet_file.read(file)
    pq.write_table(pa.table({"item": ["a", "b"], "score": [1, 4]}), file)
    with pytest.raises(ScoresError, match=r"row 2: the score 4\.0 is outside of 0 to 1"):
        parquet_file.read(file)
    arrays = [pa.array(["a"]), pa.array([1]), pa.array([0])]
    twice = pa.Table.from_arrays(arrays, ["item", "score", "score"])
    pq.write_table(twice, file)
    with pytest.raises(ScoresError, match=r"names the column 'score' twice"):
        parquet_file.read(file)
    with pytest.raises(ScoresError, match="cannot be read"):
        parquet_file.read(tmp_path / "gone.parquet")
