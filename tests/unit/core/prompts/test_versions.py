"""Versions of prompts as text, and their differences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.core.prompts import versions
from escalera.domain.message import Message
from escalera.domain.system import Prompt, Shot

WHOLE = Prompt(
    system="Be kind.\nBe brief.",
    turns=(Message(role="assistant", content="Hello."),),
    shots=(Shot(input="two", target="2", history=(Message(role="user", content="Count."),)),),
    template="> {{ input }}",
    marker="Answer:",
)
TEXTS = st.text(alphabet="ab\n", max_size=12)


def test_every_part_is_told_under_its_name():
    """In the order in which a model sees them."""
    assert versions.lines(WHOLE) == (
        "[system]", "Be kind.", "Be brief.",
        "[assistant]", "Hello.",
        "[example 1, user]", "Count.",
        "[example 1, message]", "two",
        "[example 1, answer]", "2",
        "[user]", "> {{ input }}",
        "[answer behind]", "Answer:",
    )  # fmt: skip


def test_a_change_is_shown_in_its_place():
    """With what stands around it."""
    after = Prompt(system="Be kind.\nBe very brief.\nSay why.", template="{{ input }}")
    before = Prompt(system="Be kind.\nBe brief.", template="{{ input }}")
    assert versions.changes(before, after) == (
        "@@ -1,5 +1,6 @@",
        " [system]",
        " Be kind.",
        "-Be brief.",
        "+Be very brief.",
        "+Say why.",
        " [user]",
        " {{ input }}",
    )


@given(TEXTS, TEXTS)
def test_equal_texts_and_only_those_have_no_changes(left, right):
    """Whatever is in them."""
    found = versions.changes(Prompt(system=left), Prompt(system=right))
    same = versions.lines(Prompt(system=left)) == versions.lines(Prompt(system=right))
    assert (found == ()) == same
