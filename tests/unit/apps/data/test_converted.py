"""`data import` and `data export`: files of others become items, and items theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.apps.data.files import read, row, written

from escalera.apps.data import converted
from escalera.apps.data.converted import Asked
from escalera.core.data.splitting import Shares
from escalera.errors import DataError, InputError
from escalera.settings.tables import RowsTable
from escalera.wiring import data_sets

ITEMS = Path(__file__).resolve().parents[3] / "data" / "items"
FULL = [
    row(1, cluster="c", licence="MIT", source="s", fields={"tier": "gold"}),
    row(2, "confirm", history=[{"role": "user", "content": "h"}]),
]


def bring(source, into, tool="rows", shares=None, **asked):
    return converted.bring(source, into, tool=tool, asked=Asked(**asked), shares=shares)


@pytest.mark.parametrize("tool", ["label-studio", "argilla"])
def test_there_and_back_again(tmp_path, tool):
    """Everything that a row says comes back."""
    there, back = tmp_path / "there.json", tmp_path / "back.jsonl"
    assert converted.send(written(tmp_path, FULL), there, output=tool).written == 2
    found = bring(data_sets.source(there), back, tool, suggested=True)
    assert (found.written, found.left_out) == (2, ())
    assert read(back) == FULL


def test_an_export_of_label_studio_becomes_items(tmp_path):
    """With the names of its data; what has no majority is told."""
    said = RowsTable(columns={"input": "text", "cluster": "customer"}, licence="CC0-1.0")
    source = data_sets.source(ITEMS / "label_studio.json", said)
    found = bring(source, tmp_path / "out.jsonl", "label-studio", control="topic")
    assert read(tmp_path / "out.jsonl") == [
        {
            "id": "41",
            "input": "Where is my parcel?",
            "target": "shipping",
            "cluster": "c17",
            "licence": "CC0-1.0",
        },
        {
            "id": "42",
            "input": "I send it back.",
            "target": "returns",
            "cluster": "c18",
            "licence": "CC0-1.0",
        },
    ]
    (left,) = found.left_out
    assert "label_studio.json, task 3: as many people answered" in left
    assert "left out: " in str(found)


def test_an_export_of_argilla_becomes_items(tmp_path):
    """Suggestions only where they are asked for."""
    source = data_sets.source(ITEMS / "argilla.json", RowsTable(columns={"input": "text"}))
    found = bring(source, tmp_path / "out.jsonl", "argilla")
    assert [entry["target"] for entry in read(tmp_path / "out.jsonl")] == [
        "shipping",
        "returns, shipping",
    ]
    assert len(found.left_out) == 1


def test_a_saved_data_set_becomes_items(tmp_path):
    """Splits, classes, licence and source of the set; names are made."""
    columns = RowsTable(columns={"input": "text", "target": "label"})
    bring(data_sets.source(ITEMS / "saved", columns), tmp_path / "out.jsonl")
    found = read(tmp_path / "out.jsonl")
    assert [(e["split"], e["target"], e["licence"]) for e in found] == [
        ("train", "shipping", "CC0-1.0"),
        ("train", "returns", "CC0-1.0"),
        ("confirm", "shipping", "CC0-1.0"),
    ]
    assert len({e["id"] for e in found}) == 3


def test_a_table_gets_its_splits(tmp_path):
    """By shares, and what is not read is told."""
    lines = [f"message {n},shipping,{n}" for n in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["question,label,junk", *lines]))
    columns = RowsTable(columns={"input": "question", "target": "label"})
    shares = Shares(shares={"train": 0.5, "confirm": 0.5})
    source = data_sets.source(tmp_path / "t.csv", columns)
    found = bring(source, tmp_path / "out.jsonl", shares=shares)
    splits = [entry["split"] for entry in read(tmp_path / "out.jsonl")]
    assert 70 <= splits.count("train") <= 130
    assert found.unread == {"junk": 200}
    assert "not read: the key 'junk' of 200 rows" in str(found)


def test_services_get_their_forms(tmp_path):
    """A chat with its turns; pairs refuse them."""
    source = written(tmp_path, FULL)
    converted.send(source, tmp_path / "chat.jsonl", output="chat")
    assert read(tmp_path / "chat.jsonl")[1] == {
        "messages": [
            {"role": "user", "content": "h"},
            {"role": "user", "content": "in 2"},
            {"role": "assistant", "content": "x"},
        ]
    }
    with pytest.raises(InputError, match="has turns before its input: write it as a chat"):
        converted.send(source, tmp_path / "pairs.jsonl", output="pairs")
    assert not (tmp_path / "pairs.jsonl").exists()


def test_what_a_form_has_no_place_for_is_told(tmp_path):
    """Tested items among those that are taught, and facts without which a question is another."""
    rows = [row(1, fields={"tier": "gold", "system": "Be kind."}), row(2, split="confirm")]
    found = converted.send(written(tmp_path, rows), tmp_path / "chat.jsonl", output="chat")
    assert found.lost == {"the split 'train'": 1, "`fields`": 1, "the split 'confirm'": 1}
    assert "not written, for want of a place: the split 'confirm' of 1 rows" in str(found)
    assert found.document["not_written"]["`fields`"] == 1
    same = converted.send(written(tmp_path, rows), tmp_path / "items.jsonl", output="items")
    assert same.lost == {}


def test_a_chat_reads_back_as_the_items_that_it_was(tmp_path):
    """An answer among the turns before is no target, there or back: it has no weight."""
    turns = [{"role": "user", "content": "h"}, {"role": "assistant", "content": "not learned"}]
    source = written(tmp_path, [row(1, history=turns), row(2)])
    converted.send(source, tmp_path / "chat.jsonl", output="chat")
    assert read(tmp_path / "chat.jsonl")[0]["messages"][1] == {**turns[1], "weight": 0}
    bring(data_sets.source(tmp_path / "chat.jsonl"), tmp_path / "back.jsonl")
    assert [(one["input"], one["target"]) for one in read(tmp_path / "back.jsonl")] == [
        ("in 1", "x"),
        ("in 2", "x"),
    ]


def test_what_cannot_be_read_is_told(tmp_path):
    """And nothing is written over what is read."""
    source = written(tmp_path, [row(1), row(2, target=3)])
    with pytest.raises(DataError, match="line 2"):
        bring(source, tmp_path / "out.jsonl")
    with pytest.raises(InputError, match="is what is read"):
        bring(source, source.file)
    (tmp_path / "x.json").write_text(json.dumps({"not": "a list"}))
    for tool, list_of in (("argilla", "records"), ("label-studio", "tasks")):
        with pytest.raises(DataError, match=rf"x\.json: is .*, not a list of {list_of}"):
            bring(data_sets.source(tmp_path / "x.json"), tmp_path / "y.jsonl", tool)
    assert not (tmp_path / "y.jsonl").exists()


def test_preferences_there_and_back_again(tmp_path):
    """Rows without a rejected answer are left out and told."""
    there, back = tmp_path / "there.jsonl", tmp_path / "back.jsonl"
    source = written(tmp_path, [row(1, rejected="y"), row(2)])
    found = converted.send(source, there, output="preference")
    assert (found.written, found.left_out) == (1, ("the row '2' has no rejected answer",))
    assert read(there) == [{"prompt": "in 1", "chosen": "x", "rejected": "y"}]
    assert bring(data_sets.source(there), back).written == 1
    (row_back,) = read(back)
    assert (row_back["input"], row_back["target"], row_back["rejected"]) == ("in 1", "x", "y")


@pytest.mark.parametrize("tool", ["argilla", "label-studio"])
def test_a_file_of_no_rows_is_written_over_nothing(tmp_path, tool):
    """Such as the export of another tool, or an empty file: what was there stays."""
    there = tmp_path / "there.jsonl"
    there.write_text('{"kept": 1}')
    (tmp_path / "x.json").write_text(json.dumps([{"text": "a"}, {"text": "b"}]))
    with pytest.raises(DataError, match=r"no items in it, and 2 were left out, such as: .*1: is n"):
        bring(data_sets.source(tmp_path / "x.json"), there, tool)
    empty = written(tmp_path, [])
    with pytest.raises(DataError, match=r"there are no items in it\. Name a file"):
        bring(empty, there)
    with pytest.raises(DataError, match="there are no items in it"):
        converted.send(empty, there, output=tool)
    with pytest.raises(DataError, match="the row '1' has no rejected answer"):
        converted.send(written(tmp_path, [row(1)]), there, output="preference")
    assert there.read_text() == '{"kept": 1}'
