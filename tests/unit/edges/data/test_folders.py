"""Folders of data sets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from escalera.edges.data import folders
from escalera.errors import DataError

SAVED = Path(__file__).resolve().parents[3] / "data" / "items" / "saved"
SAID = {"licence": "CC0-1.0", "source": "https://example.com/parcels"}


def test_a_saved_data_set_is_its_files():
    """Of all splits, or of one; with what the set says of itself."""
    parts = folders.parts(SAVED)
    names = [part.file.relative_to(SAVED).as_posix() for part in parts]
    assert names == ["train/data-00000-of-00001.arrow", "test/data-00000-of-00001.arrow"]
    assert [part.said for part in parts] == [{"split": s} | SAID for s in ("train", "test")]
    assert folders.parts(SAVED / "test")[0].said == {"split": "test"} | SAID


def test_loose_files_say_their_split_by_their_names(tmp_path):
    """Or by their folder's; hidden files and others are passed over."""
    for name in (
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "validation/part.jsonl",
        "extra.csv",
        ".cache/train.jsonl",
        "README.md",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "dataset_info.json").write_text(json.dumps({"license": "MIT"}))
    found = [
        (part.file.relative_to(tmp_path).as_posix(), part.said.get("split"))
        for part in folders.parts(tmp_path)
    ]
    assert found == [
        ("data/train-00000-of-00002.parquet", "train"),
        ("data/train-00001-of-00002.parquet", "train"),
        ("extra.csv", None),
        ("validation/part.jsonl", "validation"),
    ]
    assert folders.parts(tmp_path)[0].said["licence"] == "MIT"


@pytest.mark.parametrize("name", ["test.json", "data/validation.jsonl.gz", "test-00000.arrow"])
def test_a_split_that_would_not_be_read_is_told(tmp_path, name):
    """Half of a data set would be missing, and nobody told."""
    (tmp_path / "train.jsonl").touch()
    (tmp_path / "dataset_infos.json").touch()
    assert len(folders.parts(tmp_path)) == 1
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=f"holds '{name}', which would not be read"):
        folders.parts(tmp_path)


def test_a_split_that_is_named_must_be_there(tmp_path):
    """A copy that broke off would teach or test with half of the data, and nobody told."""
    shutil.copytree(SAVED, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "test")
    with pytest.raises(DataError, match="copy: lacks the split 'test'"):
        folders.parts(tmp_path / "copy")


def test_what_is_no_data_set_is_told(tmp_path):
    """An empty folder, and a note that is broken."""
    with pytest.raises(DataError, match="is a folder without a data set"):
        folders.parts(tmp_path)
    (tmp_path / "state.json").write_text("{broken")
    with pytest.raises(DataError, match="is not JSON"):
        folders.parts(tmp_path)


def test_a_note_cannot_lead_out_of_its_folder(tmp_path):
    """What a data set names lies in it."""
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../x.arrow"}]}))
    with pytest.raises(DataError, match="lies outside"):
        folders.parts(tmp_path)
