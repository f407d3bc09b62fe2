"""Beginnings of heads, beside all their prefixes."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.serving.guarding import kinds, openings

ALL = [one for of in kinds.KINDS.values() for one in of]
SMALL = [
    "ab",
    "a{2,3}b",
    "(?:ab|c){1,2}d",
    "a?b?c",
    "(?:a(?:bc){0,2}){1,2}",
    "[ab]{2}|c",
    "(?i:ab)c",
    r"\w[^a-c]",
]
TEXTS = ["".join(signs) for size in range(7) for signs in product("abcd", repeat=size)]


@pytest.mark.parametrize("head", SMALL)
def test_beginnings_are_exactly_the_prefixes(head):
    """Of every short text, beside a search among longer ones for one that goes on from it."""
    found = re.compile(openings.opening(head))
    matched = [text for text in TEXTS if re.fullmatch(head, text)]
    begun = {text[:size] for text in matched for size in range(len(text) + 1)}
    for text in TEXTS:
        if len(text) <= 3:
            assert bool(found.match(text)) == (text in begun), text


@settings(deadline=None)
@given(st.data())
def test_every_prefix_of_a_match_is_a_beginning(data):
    """For what all patterns match: nothing that may become a match is let go."""
    pattern = data.draw(st.sampled_from(ALL))
    text = data.draw(st.from_regex(re.compile(pattern.head, re.ASCII), fullmatch=True))
    cut = data.draw(st.integers(0, len(text)))
    assert re.match(pattern.opening, text[:cut], re.ASCII)


def test_what_stands_behind_a_head_may_matter():
    """So many characters more."""
    found = re.compile(openings.opening("ab", behind=1))
    assert found.match("ab")
    assert found.match("abx")
    assert not found.match("abxx")
    assert not found.match("ax")


@pytest.mark.parametrize(
    "head", ["a*", "a+", "a{2,}", "(?=a)", "(?P<n>a)", "(a", "a)", "[a", "a{x}", r"\x61", r"a\1"]
)
def test_what_is_not_read_says_nothing(head):
    """Rather than something wrong."""
    assert openings.opening(head) is None
