"""Rows as they are written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.core.data.test_label_studio import RICH

from escalera.core.data import rows, writing
from escalera.core.data.rows import Defaults, Row
from escalera.domain.message import Message

BARE = Row(name="", split=None, input="i", target="t")


def test_what_is_written_reads_back():
    """A row with everything, and one with nothing but its texts."""
    for row in (RICH, BARE):
        document = writing.document(row, name="r1")
        (found,) = rows.read(document, Defaults()).rows
        assert (found.query, found.target, found.split) == (row.query, row.target, row.split)
        assert (found.name, found.cluster, found.licence, found.source) == (
            "r1",
            row.cluster,
            row.licence,
            row.source,
        )


def test_services_get_what_they_take_and_nothing_else():
    """Chats with the turns before; pairs have no place for turns."""
    chat = writing.document(RICH, name="r1", form="chat")
    assert [entry["role"] for entry in chat["messages"]] == ["user", "user", "assistant"]
    assert set(chat) == {"messages"}
    assert writing.document(BARE, name="b", form="pairs") == {"prompt": "i", "completion": "t"}
    with pytest.raises(ValueError, match="has turns before its input"):
        writing.document(RICH, name="r1", form="pairs")


def test_preferences_are_texts_or_messages():
    """Messages where something is told before the prompt; both read back."""
    bare = replace(BARE, rejected="no")
    turns = (Message(role="user", content="u"), Message(role="assistant", content="a"))
    rich = replace(bare, history=turns, fields=(("system", '"Be brief."'),))
    assert writing.document(bare, name="b", form="preference") == {
        "prompt": "i",
        "chosen": "t",
        "rejected": "no",
    }
    assert isinstance(writing.document(rich, name="r", form="preference")["prompt"], list)
    for row in (bare, rich):
        for form in ("preference", "items"):
            document = writing.document(row, name="r", form=form)
            (found,) = rows.read(document, Defaults()).rows
            read = (found.input, found.target, found.rejected, found.history)
            assert read == (row.input, row.target, "no", row.history)
    with pytest.raises(ValueError, match="has no rejected answer"):
        writing.document(BARE, name="b", form="preference")


def test_what_a_form_has_no_place_for_is_named():
    """A system message stands in a chat, and in no pair; a preference holds both answers."""
    row = replace(BARE, split="confirm", rejected="no", fields=(("system", '"Be brief."'),))
    assert writing.lost(row, "items") == ()
    assert writing.lost(row, "chat") == ("the split 'confirm'", "`rejected`")
    assert writing.lost(row, "pairs") == ("the split 'confirm'", "`fields`", "`rejected`")
    assert writing.lost(row, "preference") == ("the split 'confirm'",)
