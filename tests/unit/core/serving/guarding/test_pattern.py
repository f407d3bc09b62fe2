"""A pattern: its expression, what it accepts, and its run."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.pattern import CONTEXT, Pattern


def test_what_stands_beside_a_match():
    """Neither the class before it nor the expression after it."""
    one = Pattern(kind="n", head=r"\d{3}", before=r"\d", after=r"-?\d")
    compiled = re.compile(one.expression)
    assert compiled.search("a123b")
    assert not compiled.search("1234")
    assert not compiled.search("123-4")
    assert compiled.search("123-a")


def test_a_context_word_must_stand_shortly_before():
    """As a word of its own, in any case, within its reach."""
    one = Pattern(kind="n", head=r"\d{3}", context=("pin", "social no"))
    assert one.accepts("PIN: 123", 5, 8) == 8
    assert one.accepts("my social no 123", 13, 16) == 16
    assert not one.accepts("spin: 123", 6, 9)
    assert not one.accepts("pin " + "." * CONTEXT + "123", 4 + CONTEXT, 7 + CONTEXT)
    assert not one.accepts("123 pin", 0, 3)
    assert re.search(one.first_look, "My PIN")
    assert not re.search(one.first_look, "spin")


def test_a_check_may_shorten_a_match():
    """It says how many characters belong."""
    one = Pattern(kind="n", head=r"\d+", check=lambda text: 2)
    assert one.accepts("a1234", 1, 5) == 3


def test_a_run_takes_joints_between_two_of_its_characters():
    """A joint at the end does not belong."""
    one = Pattern(kind="n", head="x", run="ab", joints=".-")
    assert one.run_from("xab.a-b.", 1) == len("xab.a-b")
    assert one.run_from("xab..a", 1) == len("xab")
    assert Pattern(kind="n", head="x").run_from("xab", 1) == 1


@settings(deadline=None)
@given(st.data())
def test_first_looks_are_found_in_every_match(data):
    """What is looked for first must not miss what the head would find and the check accept."""
    pattern = data.draw(st.sampled_from([one for of in kinds.KINDS.values() for one in of]))
    text = data.draw(st.from_regex(re.compile(pattern.head, re.ASCII), fullmatch=True))
    if pattern.context or not pattern.accepts(text, 0, len(text)):
        return
    assert re.search(pattern.first_look, text, re.ASCII)
    assert not pattern.signs or any(sign in text.lower() for sign in pattern.signs)
