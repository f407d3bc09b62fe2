"""Inputs whose targets are written: read, and made rows of a data file."""

from __future__ import annotations

import json
from codecs import BOM_UTF8

import pytest

from escalera.edges.data import reading
from escalera.errors import DataError, InputError
from escalera.settings import data_file, inputs_file


def write(folder, *rows):
    file = folder / "new.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


FULL = {
    "id": "2",
    "split": "search",
    "input": "There?",
    "target": "no",
    "cluster": "c",
    "history": [{"role": "user", "content": "Hello"}],
    "fields": {"city": "Bern"},
    "source": "mail",
}


def test_targets_and_splits_may_be_missing(tmp_path):
    """What is there is kept; a cluster of its own where none is named."""
    first, second = inputs_file.load(
        write(tmp_path, {"id": "1", "input": "Here?"}, "", FULL), task="t"
    ).items
    assert (first.id, first.split, first.target, first.cluster) == ("t/1", "train", "", "t/1")
    assert (second.split, second.target, second.cluster) == ("search", "no", "c")
    assert (second.history[0].content, second.fields) == ("Hello", (("city", '"Bern"'),))


def test_a_row_of_a_data_file_is_an_input(tmp_path):
    """Numbers as names, others' names of splits, and null for what is not said."""
    line = {"id": 7, "input": "in", "target": None, "cluster": 3, "split": "validation"}
    file = tmp_path / "inputs.jsonl"
    file.write_text(json.dumps(line) + "\n" + json.dumps({"id": 8, "input": "i", "split": None}))
    found = inputs_file.load(file, task="t")
    (one, two) = found.items
    assert (one.id, one.target, one.cluster, one.split) == ("t/7", "", "3", "search")
    assert (two.split, two.cluster) == ("train", "t/8")
    assert json.loads(found.rows({"t/7": "right"})) == line | {"split": "search", "target": "right"}


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    """Some editors write one; data files may begin with it, too."""
    file = write(tmp_path, {"id": "1", "input": "Here?"})
    file.write_bytes(BOM_UTF8 + file.read_bytes())
    assert inputs_file.load(file, task="t").items[0].input == "Here?"


def test_rows_are_a_data_file(tmp_path):
    """Only inputs with a target, in their order, with every key they came with."""
    found = inputs_file.load(
        write(tmp_path, {"id": "1", "input": "Here?"}, FULL, {"id": "3", "input": "Where?"}),
        task="t",
    )
    text = found.rows({"t/2": "é", "t/1": "yes"})
    assert [json.loads(line) for line in text.splitlines()] == [
        {"id": "1", "input": "Here?", "split": "train", "target": "yes"},
        {**FULL, "target": "é"},
    ]
    rest = [{"id": str(n), "split": "confirm", "input": str(n), "target": "x"} for n in range(9)]
    (tmp_path / "data.jsonl").write_text(text + "\n".join(map(json.dumps, rest[4:])))
    sources = [data_file.Source(file=tmp_path / "data.jsonl")]
    data = data_file.load(sources, task="t", project=tmp_path, reader=reading.entries)
    assert [item.target for item in data.of("train")] == ["yes"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["{broken"], "line 1: is not an input"),
        ([{"id": "1"}], "`input`"),
        ([{"id": " ", "input": "x"}], "`id` is empty"),
        ([{"id": "1", "input": "x", "split": "exam"}], "is not an input"),
        ([{"id": "1", "input": "x"}, {"id": "1", "input": "y"}], "line 2: the id '1' comes twice"),
        ([{"id": "1", "input": "x", "fields": {"a b": 1}}], "cannot be used in a template"),
    ],
)
def test_what_is_no_input_is_named(tmp_path, rows, said):
    """File and line."""
    with pytest.raises(DataError, match=said):
        inputs_file.load(write(tmp_path, *rows), task="t")


def test_a_file_without_inputs_is_told(tmp_path):
    """None there, or none in it."""
    with pytest.raises(InputError, match="cannot be read"):
        inputs_file.load(tmp_path / "none.jsonl", task="t")
    with pytest.raises(InputError, match="holds no inputs"):
        inputs_file.load(write(tmp_path, ""), task="t")
