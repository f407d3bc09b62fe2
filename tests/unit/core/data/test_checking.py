"""Everything that is wrong with files of items."""

from __future__ import annotations

from escalera.core.data.checking import Checker
from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Defaults

NOTHING = Defaults()


def row(number, **more):
    return {"id": str(number), "split": "train", "input": f"in {number}", "target": "x"} | more


def checked(*entries, **settings):
    """The complaints about the rows of one file."""
    checker = Checker(**settings)
    for number, entry in enumerate(entries, start=1):
        checker.look("f", (f"line {number}", entry), NOTHING)
    checker.finish()
    return checker


def test_nothing_is_wrong_with_what_is_right():
    """Keys that are not read are counted, and no complaint."""
    found = checked(row(1, note="x"), row(2, note="y"))
    assert (found.total, found.items) == (0, 2)
    assert found.unread == {"note": 2}


def test_every_row_is_looked_at_after_what_is_wrong():
    """With place, value, rule and remedy, in the order of the file."""
    found = checked(
        row(1, target=3), Flaw("is not an item: broken", "Mend it"), row(2), row(3, input=" ")
    )
    assert [(one.place, one.problem) for one in found.complaints] == [
        ("line 1", "is not an item: `target` is 3, not text"),
        ("line 2", "is not an item: broken"),
        ("line 4", "`input` is empty"),
    ]
    assert str(found.complaints[1]) == "f, line 2: is not an item: broken. Mend it"


def test_what_rows_say_together_is_looked_at():
    """An id that comes twice, the same question in two splits, a split for some rows only."""
    bare = {"input": "c", "target": "x"}
    found = checked(row(1), row(1, input="b"), row(2, input="IN  1", split="confirm"), bare)
    said = [one.problem for one in found.complaints]
    assert said == [
        "the id '1' is also on line 1",
        "the same input is in split 'train' on line 1 and in 'confirm'",
        "`split` is missing, and others have one",
    ]


def test_files_belong_together():
    """The place of a twin in another file is told with that file."""
    checker = Checker()
    for file in ("a", "b"):
        checker.look(file, ("line 1", row(1)), NOTHING)
    assert checker.complaints[0].problem == "the id '1' is also on line 1 of a"


def test_unknown_keys_are_wrong_where_services_refuse_them():
    """Beside a chat or a prompt with its completion."""
    found = checked({"prompt": "p", "completion": "c", "temperature": 1})
    assert found.complaints[0].problem.startswith("the unknown key 'temperature' beside")


def test_what_is_too_long_is_told_and_cut():
    """The value is shown in part."""
    found = checked(row(1, target="y" * 60), longest=50)
    assert "the answer 'yyyy" in found.complaints[0].problem
    assert "has 60 characters, more than 50" in found.complaints[0].problem


def test_complaints_are_bounded_and_counted():
    """A file that is wrong everywhere does not fill the screen."""
    found = checked(*(row(n, target=1) for n in range(10)), most=3)
    assert (len(found.complaints), found.total) == (3, 10)


def test_no_items_are_a_complaint():
    """An empty file is a mistake."""
    assert checked().complaints[0].problem == "there are no items"
