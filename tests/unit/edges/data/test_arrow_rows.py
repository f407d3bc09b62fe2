"""Parquet and Arrow files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalera.edges.data import arrow_rows
from escalera.errors import DataError

SAVED = Path(__file__).resolve().parents[3] / "data" / "items" / "saved"


def test_classes_have_their_names():
    """A file that the `datasets` library wrote keeps them beside the numbers."""
    found = [*arrow_rows.arrow(SAVED / "train" / "data-00000-of-00001.arrow")]
    assert found == [
        ("row 1", {"text": "Where is my parcel?", "label": "shipping"}),
        (
            "row 2",
            {"text": "I send it back.", "label": "returns", "source": "https://example.com/other"},
        ),
    ]


def test_parquet_rows_are_read(tmp_path):
    """Lists of turns as they are."""
    file = tmp_path / "rows.parquet"
    chat = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    pq.write_table(pa.table({"messages": [chat], "id": [7]}), file)
    assert [*arrow_rows.parquet(file)] == [("row 1", {"messages": chat, "id": "7"})]


def test_classes_of_parquet_files_have_their_names(tmp_path):
    """As data sets lie on the hub: what is no known class stays the number that it is, and -1 is
    the class of rows without a label."""
    file = tmp_path / "train.parquet"
    kind = {"names": ["shipping", "returns"], "_type": "ClassLabel"}
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": kind}
    said = {arrow_rows.HUGGINGFACE: json.dumps({"info": {"features": features}})}
    table = pa.table({"text": ["a", "b", "c", "d"], "label": [1, 0, 2, -1]})
    pq.write_table(table.replace_schema_metadata(said), file)
    told = [row.get("label") for _, row in arrow_rows.parquet(file)]
    assert told == ["returns", "shipping", "2", None]


def test_what_is_no_arrow_file_is_told(tmp_path):
    """Broken, or not there."""
    file = tmp_path / "rows.arrow"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="cannot be read"):
        [*arrow_rows.arrow(file)]
    with pytest.raises(FileNotFoundError):
        [*arrow_rows.arrow(tmp_path / "gone.arrow")]
