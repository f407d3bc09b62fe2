"""`data check`: all that is wrong, over files and tasks."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.unit.apps.data.files import row, written

from escalera.apps.data import checked
from escalera.wiring import data_sets


def test_groups_are_looked_at_by_themselves(tmp_path):
    """Ids may come again in another task; a file that cannot be read on is told, and others are."""
    first = written(tmp_path, [row(1), row(1)], "a.jsonl")
    second = written(tmp_path, [row(1), row(2, target=3)], "b.jsonl")
    (tmp_path / "c.csv").write_text("input,target\nx,y\nbroken\n")
    third = type(first)(file=tmp_path / "c.csv")
    gone = type(first)(file=tmp_path / "gone.jsonl")
    found = checked.check({"one": [first], "two": [second, third, gone]})
    said = [str(one) for one in found.complaints]
    assert [text.removeprefix(f"{tmp_path}/") for text in said] == [
        "a.jsonl, line 2: the id '1' is also on line 1. Rename",
        "b.jsonl, line 2: is not an item: `target` is 3, not text. Write it as text",
        "c.csv, line 3: has 1 cells under 2 names of columns. Write one row per line in UTF-8, "
        "cells divided by commas (tabs in .tsv)",
        "gone.jsonl: cannot be read (No such file or directory). Check the path",
        "c.csv, line 2: `split` is missing, and others have one. Give every row a split, or none",
    ]
    assert (found.total, found.items) == (5, 4)
    assert found.document["complaints"] == 5


def test_the_bound_is_of_all_groups_together(tmp_path):
    """And what is not shown is counted."""
    groups = {
        name: [written(tmp_path, [row(n, target=1) for n in range(5)], f"{name}.jsonl")]
        for name in "ab"
    }
    found = checked.check(groups, most=7)
    assert (len(found.complaints), found.total) == (7, 10)
    assert "and 3 more" in str(found)


def test_what_is_right_is_said_to_be(tmp_path):
    """With the forms that were met, and keys that nothing was made of."""
    chat = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    source = written(tmp_path, [row(1, note=1), {"messages": chat, "split": "train"}])
    assert str(checked.check({"t": [source]})) == (
        "not read: the key 'note' of 1 rows\n2 items (1 items, 1 chat): nothing is wrong"
    )


def test_an_empty_file_is_named(tmp_path):
    """Beside others that hold something."""
    (tmp_path / "empty.csv").write_text("input,target\n")
    empty = data_sets.source(tmp_path / "empty.csv")
    found = checked.check({"a": [written(tmp_path, [row(1)])], "b": [empty]})
    (said,) = map(str, found.complaints)
    assert said == f"{empty.file}: there are no items. Name files that hold some"


def test_every_broken_row_of_a_table_is_told(tmp_path):
    """With its own line, also where bytes are no UTF-8; the rows between are counted."""
    (tmp_path / "t.csv").write_bytes(
        b'input,target\na,b\nshort\nc,d\n\xe9,e\nf,g\n1,2,3\nh,i\n"open,j\nk,l\n'
    )
    found = checked.check({"t": [data_sets.source(tmp_path / "t.csv")]})
    assert [(one.place, one.problem) for one in found.complaints] == [
        ("line 3", "has 1 cells under 2 names of columns"),
        ("line 5", "is not CSV (it holds bytes that are no UTF-8)"),
        ("line 7", "has 3 cells under 2 names of columns"),
        ("line 9", "is not CSV (unexpected end of data)"),
    ]
    assert found.items == 4


def test_a_file_that_a_data_set_lacks_is_named(tmp_path):
    """And not the folder, which is there."""
    saved = Path(__file__).resolve().parents[3] / "data" / "items" / "saved"
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    gone = copy / "test" / "data-00000-of-00001.arrow"
    gone.unlink()
    found = checked.check({"one": [data_sets.source(copy)]})
    assert f"{gone}: cannot be read (No such file or directory). Check the path" in str(found)
