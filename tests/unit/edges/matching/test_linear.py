"""Expressions of users, with RE2."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.edges.matching import linear
from escalera.edges.matching.plain import PlainMatcher
from escalera.errors import InputError, MissingExtra
from escalera.ports.serving import Sought


@pytest.fixture
def _re2():
    pytest.importorskip("re2")


@pytest.mark.usefixtures("_re2")
def test_places_are_those_of_characters():
    """Also behind signs of several bytes."""
    find = linear.finding("(?i)ñu+")
    text = "🙂é ÑUU ñu"
    assert find(text, 0, len(text)) == (3, 6)
    assert find(text, 4, len(text)) == (7, 9)
    assert find(text, 4, 8) is None
    assert find("plain ñu", 0, 8) == (6, 8)


@pytest.mark.usefixtures("_re2")
@settings(deadline=None)
@given(st.text("abñ🙂 ", max_size=30), st.integers(0, 30))
def test_it_finds_what_re_finds(text, start):
    """From any character on."""
    start = min(start, len(text))
    ours = linear.finding("[ñb]+a?")(text, start, len(text))
    theirs = PlainMatcher([Sought(expression="[ñb]+a?", look="x")])
    assert ours == theirs.search(0, text, start, len(text))


@pytest.mark.usefixtures("_re2")
def test_an_expression_that_would_track_back_for_ever():
    """Is done at once: the time of this test is bounded by its own limit."""
    text = "a" * 100_000 + "!"
    assert linear.finding("(a|a)*(a|aa)*(a*)*b")(text, 0, len(text)) is None


@pytest.mark.usefixtures("_re2")
@pytest.mark.parametrize("expression", ["(?=a)", r"(a)\1", "("])
def test_what_it_does_not_know(expression):
    """Is told with the expression and where the language is described."""
    with pytest.raises(InputError, match="RE2"):
        linear.finding(expression)


def test_without_the_package(monkeypatch):
    """The extra is named: a user's expression is not left to an engine that tracks back."""
    monkeypatch.setattr(linear, "re2", None)
    with pytest.raises(MissingExtra, match=r"escalera\[guards\]"):
        PlainMatcher([Sought(expression="a+", look="a+", foreign=True)])


@pytest.mark.usefixtures("_re2")
def test_what_is_wrong_is_told_in_words():
    """Also with letters beyond ASCII, and not as bytes."""
    with pytest.raises(InputError, match=r"of RE2: missing \): \(ñ\. It knows"):
        linear.finding("(ñ")
