"""Reading data files: every problem with file and line."""

from __future__ import annotations

import json

import pytest

from escalera.core.data.rows import Defaults
from escalera.domain.message import Message
from escalera.edges.data import json_lines, reading
from escalera.errors import DataError, ProjectError
from escalera.settings import data_file
from escalera.settings.data_file import Source


def row(number, split, **more):
    return {"id": str(number), "split": split, "input": f"in {number}", "target": "x"} | more


ROWS = [row(0, "train"), row(1, "search", cluster="c7"), row(2, "confirm"), row(3, "golden")]


def load(folder, rows, defaults=Defaults()):  # noqa: B008  it is frozen
    """Rows are written as JSON; text goes in as it is."""
    file = folder / "data.jsonl"
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read(file, defaults)


def read(file, defaults=Defaults()):  # noqa: B008  it is frozen
    """The items that a project in the same folder would get."""
    sources, project = [Source(file=file, defaults=defaults)], file.parent / "escalera.toml"
    return data_file.load(sources, task="a", project=project, reader=reading.entries)


def test_every_row_is_an_item_of_the_task(tmp_path):
    """Ids are unique over tasks; an item without a cluster is its own; other keys are ignored."""
    found = load(tmp_path, [*ROWS, "", row(4, "train", note="ignored")])
    assert [item.id for item in found] == ["a/0", "a/1", "a/2", "a/3", "a/4"]
    assert [item.cluster for item in found] == ["a/0", "c7", "a/2", "a/3", "a/4"]
    assert {item.task for item in found} == {"a"}
    assert [item.split for item in found][:4] == ["train", "search", "confirm", "golden"]
    assert (found[0].input, found[0].target) == ("in 0", "x")


@pytest.mark.parametrize(
    ("rows", "line", "said"),
    [
        ([*ROWS, "{broken"], 5, "is not an item"),
        (["[1]", *ROWS], 1, "is not an item"),
        ([*ROWS, {"id": "9"}], 5, "has the keys 'id', and neither `input` and `target`"),
        ([*ROWS, {"id": "9", "input": "a", "target": "b"}], 5, "`split` is missing"),
        ([*ROWS, row(9, "exam")], 5, "`split` is 'exam', not one of"),
        ([*ROWS, "", row(9, "train", input=7)], 6, "`input` is 7, not text"),
        ([*ROWS, row(9, "train", target=" ")], 5, "`target` is empty"),
        ([*ROWS, row(9, "train", input="")], 5, "`input` is empty"),
        ([*ROWS, row("", "train")], 5, "`id` is empty"),
        ([*ROWS, row(1, "train", input="new")], 5, "the id '1' is also on line 2"),
        ([*ROWS, row(9, "train", input="in 2")], 5, "in split 'confirm' on line 3 and in 'train'"),
        ([], 0, "holds no items"),
        ([row(0, "train"), row(1, "search")], 0, "no item has the split 'confirm'"),
        ([row(0, "train"), row(1, "confirm")], 0, "no item has the split 'search'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, rows, line, said):
    """Lines are counted as an editor counts them, empty ones too; 0 is the file as a whole."""
    with pytest.raises(DataError) as caught:
        load(tmp_path, rows)
    where = f", line {line}" if line else ""
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'data.jsonl'}{where}: ")


def test_the_same_input_twice_in_one_split_is_allowed(tmp_path):
    """Users do ask the same thing twice; only a split must keep to itself."""
    assert len(load(tmp_path, [*ROWS, row(9, "train", input="in 0")])) == 5


def test_a_missing_file_is_told(tmp_path):
    """With the project file and the key that name it."""
    with pytest.raises(ProjectError) as caught:
        read(tmp_path / "none.jsonl")
    assert caught.value.file == str(tmp_path / "escalera.toml")
    assert caught.value.key == "tasks.a.data"
    assert f"{str(tmp_path / 'none.jsonl')!r}, which cannot be read (No such" in str(caught.value)
    assert "name another file" in caught.value.remedy


def test_an_empty_folder_is_no_data_set(tmp_path):
    """A folder may be one; what it lacks is told."""
    with pytest.raises(DataError, match="is a folder without a data set"):
        read(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path):
    """Some editors write one at the start; the items and their digests are those without it."""
    plain = load(tmp_path, ROWS)
    file = tmp_path / "data.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert [item.digest for item in read(file)] == [item.digest for item in plain]


def test_a_byte_order_mark_moves_no_line(tmp_path):
    """Errors name the lines that an editor shows; a mark in the middle of a file is an error."""
    file = tmp_path / "data.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS[0]).encode() + b"\n\xef\xbb\xbf{}\n")
    with pytest.raises(DataError, match="line 2: is not an item"):
        read(file)
    file.write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(DataError, match="holds no items"):
        read(file)


def test_an_endless_line_is_refused_without_being_read(tmp_path):
    """A whole file on one line is a mistake, not an item."""
    with pytest.raises(DataError, match="longer than"):
        load(tmp_path, [row(0, "train", input="x" * (json_lines.LONGEST_LINE + 1))])


def test_bytes_that_are_no_text_are_told(tmp_path):
    """With the line that holds them."""
    file = tmp_path / "data.jsonl"
    good = json.dumps(ROWS[0]).encode()
    file.write_bytes(good + b"\n" + good.replace(b"in 0", b"in \xff") + b"\n")
    with pytest.raises(DataError, match="line 2"):
        read(file)


def test_turns_and_fields_come_with_an_item(tmp_path):
    """Fields are kept as canonical JSON, whatever order they were written in."""
    more = {
        "history": [{"role": "user", "content": "Hello."}],
        "fields": {"tier": "gold", "basket": [{"b": 1, "a": 2.5}]},
    }
    found = load(tmp_path, [row(0, "train", **more), *ROWS[1:]])[0]
    assert found.history == (Message(role="user", content="Hello."),)
    assert found.fields == (("basket", '[{"a":2.5,"b":1}]'), ("tier", '"gold"'))


@pytest.mark.parametrize("name", ["input", "two words", "a-b", ""])
def test_a_field_has_a_name_that_a_template_can_use(tmp_path, name):
    """And does not hide the input."""
    with pytest.raises(DataError, match="cannot be used in a template"):
        load(tmp_path, [*ROWS, row(9, "train", fields={name: 1})])


def test_the_same_words_after_other_turns_are_another_input(tmp_path):
    """ "Yes" says something else after another question, so it may stand in two splits."""
    before = [{"role": "assistant", "content": "Shall I?"}]
    again = row(9, "train", input="in 2")
    assert len(load(tmp_path, [*ROWS, again | {"history": before}])) == 5
    with pytest.raises(DataError, match="the same input is in split"):
        load(tmp_path, [*ROWS, again])


def chat(*contents, **more):
    """A chat of user and assistant in turns."""
    roles = ("user", "assistant")
    turns = [{"role": roles[n % 2], "content": text} for n, text in enumerate(contents)]
    return {"messages": turns} | more


def test_rows_of_every_form_are_items(tmp_path):
    """A chat has an item for each of its answers, which share a cluster; names are made."""
    pair = {"prompt": "p", "completion": "c", "split": "test"}
    talk = chat("a", "b", "c", "d", id=7, split="train")
    found = load(tmp_path, [row(1, "search"), pair, talk])
    assert [(item.split, item.input, item.target) for item in found] == [
        ("search", "in 1", "x"),
        ("confirm", "p", "c"),
        ("train", "a", "b"),
        ("train", "c", "d"),
    ]
    assert [item.id for item in found][2:] == ["a/7.1", "a/7.2"]
    assert {item.cluster for item in found[2:]} == {"7"}
    assert [turn.content for turn in found[3].history] == ["a", "b"]


def test_a_made_name_does_not_move_with_its_row(tmp_path):
    """It is made of what is asked; the same question again is counted."""
    rows = [row(1, "search"), row(2, "confirm")]
    asked = {"input": "hello", "target": "x", "split": "train"}
    before = [item.id for item in load(tmp_path, [*rows, asked])]
    after = [item.id for item in load(tmp_path, [asked, asked, *rows])]
    assert before[2] == after[0]
    assert after[1] == f"{after[0]}-2"


def test_what_is_said_of_a_file_is_said_of_its_rows(tmp_path):
    """Unless a row says something else."""
    for name in ("a", "b"):
        lines = [
            json.dumps({"q": f"{name} {n}", "a": "x"} | ({"licence": "MIT"} if n else {}))
            for n in range(2)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    sources = [
        Source(
            file=tmp_path / f"{name}.jsonl",
            defaults=Defaults(
                split=split,
                licence="CC0-1.0",
                source=f"https://example.com/{name}",
                columns={"input": "q", "target": "a"},
            ),
        )
        for name, split in (("a", "search"), ("b", "confirm"))
    ]
    found = data_file.load(
        sources, task="t", project=tmp_path / "escalera.toml", reader=reading.entries
    )
    assert [(item.split, item.licence) for item in found] == [
        ("search", "CC0-1.0"),
        ("search", "MIT"),
        ("confirm", "CC0-1.0"),
        ("confirm", "MIT"),
    ]
    assert found[2].source == "https://example.com/b"


def test_a_column_that_no_row_has_is_refused(tmp_path):
    """A cluster under a wrong name would let rows of one customer part, and nobody told."""
    with pytest.raises(DataError, match="no row says anything in the column 'customer'"):
        load(tmp_path, ROWS, Defaults(columns={"cluster": "customer"}))


def test_an_id_in_two_files_is_told_with_both(tmp_path):
    """A task's items are of all its files together."""
    for name in ("a", "b"):
        lines = [row(n, split) for n, split in enumerate(("search", "confirm"))]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    sources = [Source(file=tmp_path / f"{name}.jsonl") for name in ("a", "b")]
    with pytest.raises(DataError) as caught:
        data_file.load(
            sources, task="t", project=tmp_path / "escalera.toml", reader=reading.entries
        )
    said = f"b.jsonl, line 1: the id '0' is also on line 1 of {tmp_path / 'a.jsonl'}"
    assert said in str(caught.value)
