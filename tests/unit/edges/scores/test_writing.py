"""Tables are written whole or not at all."""

from __future__ import annotations

import os
import sys

import pytest
from tests.unit.edges.scores.tables import DATA, bits, table

from escalera.edges.scores import reading, writing
from escalera.errors import MissingExtra, ScoresError


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("log", ["inspect/finished.eval", "lm_eval", "promptfoo/variants.json"])
def test_a_log_of_another_tool_survives_the_round_trip(tmp_path, ending, log):
    """Read, written and read again, the rows are the same, and the scores bit for bit."""
    read = reading.read(DATA / log)
    file = tmp_path / f"scores.{ending}"
    writing.write(read, file)
    assert bits(reading.read(file)) == bits(read)
    assert [f.name for f in tmp_path.iterdir()] == [file.name]


def test_a_file_is_replaced_whole(tmp_path):
    """Whatever stood there before; and a format by name needs no ending."""
    file = tmp_path / "scores"
    file.write_text("something longer than what replaces it\n" * 100)
    writing.write(table({}), file, format="csv")
    assert reading.read(file).rows == table({}).rows


def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    """A file in place of `/dev/null` would break a machine."""
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(ScoresError, match="is no file"):
        writing.write(table({}), pipe)
    assert pipe.is_fifo()


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    """Neither a part of a file, nor a change of the one before."""
    file = tmp_path / "scores.parquet"
    file.write_text("before")
    with pytest.raises(OverflowError):
        writing.write(table({"prompt_tokens": 2**70}), file)
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("scores.parquet", "before")]


@pytest.mark.parametrize(
    ("name", "format", "said"),
    [
        ("scores.xml", None, "the ending '.xml' names no format. Name one of: jsonl, csv"),
        ("scores.csv", "xml", "no format 'xml' of scores to write. Name one of: jsonl, csv"),
        ("no/such/scores.csv", None, "cannot be written (No such file or directory)"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path, name, format, said):  # noqa: A002
    """With the file and what to do."""
    with pytest.raises(ScoresError) as caught:
        writing.write(table({}), tmp_path / name, format=format)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("a.parquet", "pyarrow", "parquet"), ("a.db", "mlflow", "mlflow")],
)
def test_a_format_without_its_package_says_what_to_install(
    tmp_path, monkeypatch, name, package, extra
):
    """And writes nothing."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"escalera\[{extra}\]"):
        writing.write(table({}), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
