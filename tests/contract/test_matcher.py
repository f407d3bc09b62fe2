"""Every engine of expressions finds the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from tests.unit.core.serving.guarding import searching

from escalera.core.serving.guarding import kinds, scanning
from escalera.edges.matching.plain import PlainMatcher
from escalera.ports.serving import Matcher, Sought

PATTERNS = kinds.patterns([*kinds.GROUPS, "url", "injection", "smuggled"])
SOUGHT = [
    Sought(expression=one.expression, look=one.first_look, signs=one.signs) for one in PATTERNS
]


def engines() -> list[type]:
    try:
        from escalera.edges.matching.hyperscan_engine import HyperscanMatcher
    except ImportError:
        return [PlainMatcher]
    return [PlainMatcher, HyperscanMatcher]


MATCHERS: list[Matcher] = [engine(SOUGHT) for engine in engines()]


@pytest.mark.parametrize("matcher", MATCHERS, ids=lambda one: type(one).__name__)
@settings(deadline=None)
@given(text=searching.texts())
def test_no_match_is_far_from_a_look(matcher, text):
    """Whatever `re` finds lies where `hits` says that it may lie."""
    looks = scanning.looks(matcher, text)
    for place, pattern in enumerate(PATTERNS):
        for match in re.finditer(pattern.expression, text, re.ASCII):
            if pattern.accepts(text, *match.span()):
                regions = scanning._regions(looks[place])
                assert any(first <= match.start() <= last for first, last in regions)


@pytest.mark.parametrize("matcher", MATCHERS, ids=lambda one: type(one).__name__)
@settings(deadline=None)
@given(text=searching.texts())
def test_engines_agree(matcher, text):
    """The same matches at the same characters."""
    found = []
    for one in (matcher, MATCHERS[0]):
        scan = scanning.Scan(PATTERNS, range(len(PATTERNS)), one)
        found.append(scan.advance(text, scanning.looks(one, text)))
    assert found[0] == found[1]


@pytest.mark.parametrize("matcher", MATCHERS, ids=lambda one: type(one).__name__)
def test_a_search_keeps_to_its_part_of_the_text(matcher):
    """From a character to another; what stands before is seen by a look-behind."""
    place = next(n for n, one in enumerate(PATTERNS) if one.kind == "us_ssn")
    text = "é 853-37-1694 and 853-37-1695"
    assert matcher.search(place, text, 0, len(text)) == (2, 13)
    assert matcher.search(place, text, 3, len(text)) == (18, 29)
    assert matcher.search(place, text, 3, 28) is None


@pytest.mark.parametrize("matcher", MATCHERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("text", ["", "\ud800 a@b.example", "\x00", "🙂" * 40 + "a@b.example"])
def test_texts_of_any_signs(matcher, text):
    """Half a surrogate pair, nothing, and signs of four bytes do not move what is found."""
    scan = scanning.Scan(PATTERNS, range(len(PATTERNS)), matcher)
    found = scan.advance(text, scanning.looks(matcher, text))
    assert [text[one.start : one.end] for one in found] == ["a@b.example"] * ("@" in text)
