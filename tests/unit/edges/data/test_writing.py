"""Files of rows appear whole or not at all."""

from __future__ import annotations

import json
import os

import pytest

from escalera.edges.data import writing
from escalera.errors import DataError


def test_rows_are_written_and_counted(tmp_path):
    """A line each, or one list."""
    rows = [{"a": "ü"}, {"b": [1]}]
    assert writing.lines(tmp_path / "x.jsonl", iter(rows)) == 2
    text = (tmp_path / "x.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == rows
    assert writing.document(tmp_path / "x.json", iter(rows)) == 2
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == rows


def test_what_breaks_on_the_way_leaves_nothing(tmp_path):
    """Neither half a file nor the one before changed."""
    file = tmp_path / "x.jsonl"
    file.write_text("before")

    def broken():
        yield {"a": 1}
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        writing.lines(file, broken())
    assert file.read_text() == "before"
    assert [*tmp_path.iterdir()] == [file]


def test_a_place_that_is_not_there_is_told(tmp_path):
    """With the path."""
    with pytest.raises(DataError, match=r"gone.x\.jsonl: cannot be written"):
        writing.lines(tmp_path / "gone" / "x.jsonl", [])


def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    """A file in place of `/dev/null` would break a machine; a link stays one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="pipe: is no file"):
        writing.lines(pipe, [{}])
    assert pipe.is_fifo()
    (tmp_path / "log").write_text("said before")
    with (tmp_path / "log").open("a") as log:
        out = tmp_path / "stdout"
        out.symlink_to(f"/proc/self/fd/{log.fileno()}")
        with pytest.raises(DataError, match="stdout: is no file"):
            writing.lines(out, [{}])
    assert (tmp_path / "log").read_text() == "said before"
    (tmp_path / "link").symlink_to(tmp_path / "meant")
    writing.lines(tmp_path / "link", [{}])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "meant").read_text() == "{}\n"
