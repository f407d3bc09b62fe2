"""Which files hold the items of a task, and what is said of their rows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from escalera.errors import DataError
from escalera.settings import data_tables
from escalera.settings.tables import RowsTable, TaskTable


def task(data):
    return msgspec.convert({"data": data, "scorer": "exact", "bar": 0.5}, TaskTable)


def test_a_task_names_a_file_a_table_or_several(tmp_path):
    """Paths are relative to the project file."""
    project = tmp_path / "escalera.toml"
    plain = data_tables.sources(task("a.jsonl"), project)
    table = data_tables.sources(task({"file": "a.jsonl"}), project)
    assert plain == table
    assert plain[0].file == tmp_path / "a.jsonl"
    several = data_tables.sources(
        task([{"file": "a.csv", "split": "train"}, {"file": "b", "licence": "MIT"}]), project
    )
    assert [source.defaults.split for source in several] == ["train", None]
    assert [source.defaults.licence for source in several] == ["", "MIT"]


def test_a_note_beside_a_file_is_read(tmp_path):
    """What the caller says goes before it."""
    note = 'licence = "MIT"\nsource = "s"\nsplit = "train"\n[columns]\ninput = "q"\n'
    (tmp_path / "a.csv.toml").write_text(note, encoding="utf-8-sig")
    alone = data_tables.source(tmp_path / "a.csv").defaults
    assert (alone.licence, alone.source, alone.split) == ("MIT", "s", "train")
    assert alone.columns == {"input": "q"}
    told = data_tables.source(tmp_path / "a.csv", RowsTable(licence="CC0", split="search"))
    assert (told.defaults.licence, told.defaults.split) == ("CC0", "search")
    assert told.defaults.source == "s"


def test_the_folder_that_one_is_in_has_a_note_beside_it(tmp_path, monkeypatch):
    """`.` has no name of its own, which was a traceback."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set.toml").write_text('licence = "MIT"\n')
    monkeypatch.chdir(tmp_path / "set")
    assert data_tables.source(Path()).defaults.licence == "MIT"


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("licence", "says nothing that can be used of a.csv"),
        ("license = 1", "says nothing that can be used"),
        ('[columns]\nquestion = "q"', "`columns` names 'question', which is no part of an item"),
    ],
)
def test_a_wrong_note_is_told(tmp_path, note, said):
    """With its own name."""
    (tmp_path / "a.csv.toml").write_text(note)
    with pytest.raises(DataError, match=r"a\.csv\.toml: ") as caught:
        data_tables.source(Path(tmp_path / "a.csv"))
    assert said in str(caught.value)
