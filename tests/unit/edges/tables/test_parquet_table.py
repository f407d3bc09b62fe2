"""The rows of Parquet files, for whoever reads them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalera.edges.tables import parquet_table
from escalera.errors import DataError, ScoresError


def test_cells_stand_under_their_names(tmp_path):
    """Over several batches, with the number of the row."""
    file = tmp_path / "t.parquet"
    count = parquet_table.BATCH + 1
    pq.write_table(pa.table({"a": range(count)}), file)
    found = [*parquet_table.rows(file, error=DataError)]
    assert found[-1] == (f"row {count}", {"a": count - 1})


@pytest.mark.parametrize("error", [DataError, ScoresError])
def test_what_is_no_table_is_told_as_the_caller_says(tmp_path, error):
    """In the words of the caller's task."""
    file = tmp_path / "t.parquet"
    file.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(error, match=r"t\.parquet: cannot be read"):
        [*parquet_table.rows(file, error=error)]


def test_what_unpacks_to_too_much_is_refused(tmp_path):
    """By what the file itself says, before it is unpacked."""
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": ["x" * 1000]}), file)
    with pq.ParquetFile(file) as opened, pytest.raises(DataError, match="unpacks to"):
        parquet_table.check_size(file, opened.metadata, error=DataError, largest=100)
