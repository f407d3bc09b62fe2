"""Reading items in any form."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from escalera.edges.data import reading
from escalera.errors import MissingExtra

SAVED = Path(__file__).resolve().parents[3] / "data" / "items" / "saved"


def test_a_file_is_read_by_its_ending(tmp_path):
    """What has none that is known is JSON lines."""
    (tmp_path / "a.CSV").write_text("input\nx\n")
    (tmp_path / "a.txt").write_text('{"input": "x"}\n')
    assert [*reading.entries(tmp_path / "a.CSV")] == [("line 2", {"input": "x"})]
    assert [*reading.entries(tmp_path / "a.txt")] == [("line 1", {"input": "x"})]


def test_a_folder_is_read_file_by_file():
    """Places name the file; a row goes before its folder."""
    found = [*reading.entries(SAVED)]
    assert [place for place, _ in found] == [
        "train/data-00000-of-00001.arrow row 1",
        "train/data-00000-of-00001.arrow row 2",
        "test/data-00000-of-00001.arrow row 1",
    ]
    assert found[0][1]["source"] == "https://example.com/parcels"
    assert found[1][1]["source"] == "https://example.com/other"
    assert {entry["split"] for _, entry in found} == {"train", "test"}


def test_a_broken_line_of_a_folder_is_told(tmp_path):
    """As in a file by itself."""
    (tmp_path / "train.jsonl").write_text("{broken\n" + json.dumps({"input": "x"}))
    (place, flaw), (_, row) = reading.entries(tmp_path)
    assert place == "train.jsonl line 1"
    assert "is not an item" in flaw.problem
    assert row == {"split": "train", "input": "x"}


def test_a_broken_file_of_a_folder_does_not_hide_the_next(tmp_path):
    """What comes after it in that file cannot be read; all others can."""
    (tmp_path / "a_train.csv").write_text("input,input\nx,y\n")
    (tmp_path / "b_test.jsonl").write_text('{"input": "x"}\n')
    (place, flaw), (_, row) = reading.entries(tmp_path)
    assert place == "a_train.csv line 1"
    assert "twice" in flaw.problem
    assert row == {"split": "test", "input": "x"}


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    """With the extra that brings it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"escalera\[parquet\]"):
        [*reading.entries(tmp_path / "a.parquet")]
