"""Rows: three forms and the tables of others, and what is wrong with a row."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from escalera.core.data import rows
from escalera.core.data.rows import Defaults
from escalera.domain.message import Message

OWN = {"id": "1", "split": "train", "input": "in", "target": "out"}


def read(raw, **defaults):
    return rows.read(raw, Defaults(**defaults))


def one(raw, **defaults):
    found = read(raw, **defaults)
    assert found.flaws == ()
    (row,) = found.rows
    return row


def test_an_item_says_all_that_it_can_say():
    """Licence and source too; the American spelling of licence is known."""
    row = one(
        OWN
        | {
            "cluster": 7,
            "history": [{"role": "user", "content": "h"}],
            "fields": {"b": 1, "a": [2]},
            "license": "MIT",
            "source": "https://example.com",
        }
    )
    assert (row.name, row.split, row.input, row.target, row.cluster) == (
        "1",
        "train",
        "in",
        "out",
        "7",
    )
    assert row.history == (Message(role="user", content="h"),)
    assert row.fields == (("a", "[2]"), ("b", "1"))
    assert (row.licence, row.source) == ("MIT", "https://example.com")
    item = rows.example(row, name=row.name, task="t")
    assert (item.id, item.licence, item.source) == ("t/1", "MIT", "https://example.com")


def test_the_form_is_told_by_the_keys():
    """And what nothing is made of is told."""
    found = read({"prompt": "p", "completion": "c", "extra": 1})
    assert (found.form, found.unread) == ("pairs", ("extra",))
    assert (found.rows[0].input, found.rows[0].target) == ("p", "c")
    chat = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    assert read({"messages": chat}).form == "chat"


def test_a_system_message_becomes_a_field():
    """A prompt may show it; nothing of the row is lost."""
    chat = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
    ]
    assert one({"messages": chat}).fields == (("system", '"Be brief."'),)


def test_columns_of_others_are_named():
    """What stood under our name otherwise is left aside."""
    columns = {"input": "question", "target": "label", "cluster": "user id"}
    row = one({"question": "q", "label": "l", "input": "junk", "user id": "u"}, columns=columns)
    assert (row.input, row.target, row.cluster) == ("q", "l", "u")
    found = read({"question": "q", "lable": "l"}, columns=columns)
    assert "`target` is missing" in found.flaws[0].problem
    found = read({"quetsion": "q", "lable": "l"}, columns=columns)
    assert "has no column 'question': its columns are 'quetsion', 'lable'" in found.flaws[0].problem


def test_a_column_may_have_two_meanings():
    """Such as a number of a ticket that names the item and its cluster."""
    raw = {"q": "i", "a": "t", "ticket": "7"}
    columns = {"input": "q", "target": "a", "id": "ticket", "cluster": "ticket"}
    (row,) = rows.read(raw, Defaults(columns=columns)).rows
    assert (row.name, row.cluster, row.input, row.target) == ("7", "7", "i", "t")


def test_a_column_that_another_one_takes_the_place_of_is_told():
    """Nothing is left aside without a word."""
    raw = {"question": "mine", "input": "the machine's", "target": "t"}
    found = rows.read(raw, Defaults(columns={"input": "question"}))
    assert found.rows[0].input == "mine"
    assert found.unread == ("input",)


def test_a_column_that_is_there_is_not_said_to_be_missing():
    """Where a row is no item, the columns that are named are looked for as the file has them."""
    raw = {"question": "i", "answer": "t", "customer": "c"}
    (flaw,) = rows.read(raw, Defaults(columns={"cluster": "customer"})).flaws
    assert "is not an item: it has the keys 'question', 'answer', 'cluster'" in flaw.problem
    (flaw,) = rows.read(raw, Defaults(columns={"cluster": "client"})).flaws
    assert (
        "has no column 'client': its columns are 'question', 'answer', 'customer'" in flaw.problem
    )


@pytest.mark.parametrize(
    "value", [datetime(2026, 1, 1, tzinfo=UTC), b"x", float("nan"), "\ud800", {"deep": [b"x"]}]
)
def test_a_field_that_json_cannot_say_is_told(value):
    """Tables have times and bytes, and JSON text in a cell may say NaN or half of a character."""
    (flaw,) = rows.read({"input": "i", "target": "t", "fields": {"when": value}}, Defaults()).flaws
    assert "the field 'when' is " in flaw.problem
    assert "which JSON cannot say" in flaw.problem


def test_the_file_says_what_the_row_does_not():
    """A row goes before its file."""
    said = {"split": "search", "licence": "MIT", "source": "s"}
    bare = one({"input": "i", "target": "t"}, **said)
    assert (bare.split, bare.licence, bare.source) == ("search", "MIT", "s")
    told = one({"input": "i", "target": "t", "split": "validation", "licence": "CC0"}, **said)
    assert (told.split, told.licence, told.source) == ("search", "CC0", "s")
    assert one(OWN | {"split": "test"}).split == "confirm"


def test_lists_may_stand_as_json_text():
    """In the cells of a table there is nothing else."""
    row = one(OWN | {"history": '[{"role": "user", "content": "h"}]', "fields": '{"a": 1}'})
    assert row.history[0].content == "h"
    assert row.fields == (("a", "1"),)
    assert "not a list" in read(OWN | {"history": "[broken"}).flaws[0].problem


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "has the keys none, and neither"),
        ({"text": "x"}, "has the keys 'text', and neither `input` and `target`"),
        ({"input": "x"}, "`target` is missing"),
        (OWN | {"target": 3}, "`target` is 3, not text"),
        (OWN | {"target": ["a"]}, "`target` is ['a'], not text"),
        (OWN | {"target": " "}, "`target` is empty"),
        (OWN | {"input": ""}, "`input` is empty"),
        (OWN | {"input": "x\ud800"}, "half of a character"),
        (OWN | {"id": ""}, "`id` is empty"),
        (OWN | {"id": 1.5}, "`id` is 1.5, not text"),
        (OWN | {"id": True}, "`id` is True, not text"),
        (OWN | {"split": "exam"}, "`split` is 'exam', not one of"),
        (OWN | {"split": ["train"]}, "`split` is ['train'], not one of"),
        (OWN | {"fields": [1]}, "`fields` is [1], not an object"),
        (OWN | {"fields": {"a b": 1}}, "the field 'a b' cannot be used in a template"),
        (OWN | {"history": [{"role": "system", "content": "x"}]}, "history[0].role is 'system'"),
        (OWN | {"licence": 4}, "`licence` is 4, not text"),
    ],
)
def test_what_is_wrong_is_told_with_the_value(raw, said):
    """And no item is made of it."""
    found = read(raw)
    assert found.rows == ()
    assert any(said in flaw.problem for flaw in found.flaws), found.flaws


def test_a_question_alone_can_be_compared_with():
    """A benchmark need not come with its answers."""
    found = rows.read({"input": "q"}, Defaults(), asked_only=True)
    assert (found.rows[0].input, found.rows[0].target) == ("q", "")
    columns = Defaults(columns={"input": "question"})
    assert rows.read({"question": "q"}, columns, asked_only=True).rows[0].input == "q"
    assert read({"input": "q"}).flaws


def test_a_row_without_a_split_is_no_item_of_a_task():
    """Whoever makes items asks for it before."""
    with pytest.raises(ValueError, match="has no split"):
        rows.example(one({"input": "i", "target": "t"}), name="1", task="t")


def test_a_rejected_answer_is_part_of_the_item():
    """In our own form and in that of preferences; what is the same as the target is refused."""
    own = one(OWN | {"rejected": "no"})
    other = one({"prompt": "in", "chosen": "out", "rejected": "no", "id": "1", "split": "train"})
    assert own == other
    item = rows.example(own, name="1", task="t")
    assert item.rejected == "no"
    bare = rows.example(one(OWN), name="1", task="t")
    assert item.digest != bare.digest
    (flaw,) = read(OWN | {"rejected": "out"}).flaws
    assert "`rejected` is the same as `target`: 'out'" in flaw.problem
    assert read({"prompt": "p", "chosen": "c", "rejected": "r"}).form == "preference"
    cells = {"chosen": '[{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]'}
    cells["rejected"] = cells["chosen"].replace('"a"', '"b"')
    assert one(cells).rejected == "b"


def test_answers_in_json_are_texts():
    """Slots and labels are compared as they are written, not taken for messages."""
    empty = one({"prompt": "p", "chosen": "[]", "rejected": '["x"]'})
    assert (empty.target, empty.rejected) == ("[]", '["x"]')
    pair = {"chosen": '{"a":1}', "prompt": "p", "rejected": '["x"]'}
    row = one(pair)
    assert (row.target, row.rejected) == ('{"a":1}', '["x"]')
    assert one(OWN | {"rejected": '{"a":1}'}).rejected == '{"a":1}'
    assert one(OWN | {"rejected": '[{"role": "user"}]'}).rejected == '[{"role": "user"}]'


@pytest.mark.parametrize("key", ["fields", "target", "messages", "meta"])
def test_what_is_nested_too_deep_is_told(key):
    """The parser takes a thousand levels, and writing them ran out of stack."""
    deep = json.loads("[" * 900 + "]" * 900)
    whole = {"input": "i", "target": "t", "fields": {"a": 1}}
    (flaw,) = rows.read(whole | {key: {"a": deep}}, Defaults()).flaws
    assert flaw.problem == "is not an item: it is nested deeper than 100 levels"
    within = json.loads("[" * 98 + "]" * 98)
    assert not rows.read(whole | {"fields": {"a": within}}, Defaults()).flaws
