"""From left to right: what a scan decides, and when."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.serving.guarding import searching

from escalera.core.serving.guarding import kinds, scanning
from escalera.core.serving.guarding.pattern import Pattern
from escalera.wiring.guards import matching

ALL = kinds.patterns(["personal", "secrets", "url"])
MATCHER = matching(ALL)
BEGINNING = scanning.beginnings(ALL)


def whole(patterns, matcher, text):
    scan = scanning.Scan(patterns, range(len(patterns)), matcher)
    return scan.advance(text, scanning.looks(matcher, text))


def obvious(text):
    """The same by its definition: at every character the longest accepted match, then on."""
    found, at = [], 0
    while at < len(text):
        best = None
        for place, pattern in enumerate(ALL):
            match = searching.re.compile(pattern.expression, searching.re.ASCII).match(text, at)
            end = pattern.accepts(text, *match.span()) if match else 0
            if end and (best is None or end > best[1]):
                best = (place, end)
        if best is None:
            at += 1
            continue
        end = ALL[best[0]].run_from(text, best[1])
        if (mark := ALL[best[0]].ends) and (stop := text.find(mark, best[1], end)) >= 0:
            end = stop + len(mark)
        found.append((best[0], at, end))
        at = end
    return found


@settings(deadline=None)
@given(searching.texts())
def test_a_scan_finds_what_its_definition_says(text):
    """Beside a slow and obvious reference."""
    seen = [(one.place, one.start, one.end) for one in whole(ALL, MATCHER, text)]
    assert seen == obvious(text)


def test_a_match_that_is_not_accepted_hides_nothing():
    """The search goes on behind its first character."""
    patterns = (Pattern(kind="n", head="a+b", check=lambda text: len(text) if text == "ab" else 0),)
    matcher = matching(patterns)
    assert [one.start for one in whole(patterns, matcher, "aaab ab")] == [2, 5]


def test_the_longest_counts_and_of_equals_the_first():
    """Whatever the order in which patterns are told."""
    patterns = (
        Pattern(kind="one", head="ab"),
        Pattern(kind="two", head="abc"),
        Pattern(kind="three", head="abc"),
    )
    (found,) = whole(patterns, matching(patterns), "abc")
    assert found.place == 1


def test_only_what_cannot_change_is_decided():
    """Digits may become a longer number; a letter behind them ends that."""
    patterns = kinds.patterns(["phone"])
    matcher = matching(patterns)
    scan = scanning.Scan(patterns, range(len(patterns)), matcher)
    beginning = scanning.beginnings(patterns)
    text = "see 905-674-3793"
    limit = scanning.undecided(beginning, text, 0)
    assert scan.advance(text, scanning.looks(matcher, text), limit) == []
    assert scan.at == text.index("9")
    text += ", as"
    limit = scanning.undecided(beginning, text, scan.at)
    (found,) = scan.advance(text, scanning.looks(matcher, text), limit)
    assert (found.start, found.end) == (4, 16)


def plain(pattern, text):
    """Where its own opening finds a beginning, at the earliest."""
    before = f"(?<![{pattern.before}])" if pattern.before else ""
    said = searching.re.compile(f"{before}(?:{pattern.opening or ''})", searching.re.ASCII)
    found = said.search(text, max(0, len(text) - 63))
    return len(text) if found is None else found.start()


@pytest.mark.parametrize("pattern", ALL, ids=lambda one: f"{one.kind} {one.head[:20]}")
def test_looking_for_first_characters_leaves_out_no_beginning(pattern):
    """Of any character, and of all that begins what the pattern is known by."""
    beginning = scanning.beginnings((pattern,))
    begun = [hit[:end] for hit in pattern.hits for end in range(1, len(hit) + 1)]
    for text in (*map(chr, range(128)), "é", "\u20ac", *begun):
        assert scanning.undecided(beginning, text, 0) == plain(pattern, text), text


@settings(deadline=None)
@given(searching.texts(), st.integers(0, 70))
def test_what_may_begin_is_what_any_pattern_says(text, cut):
    """All patterns together find what the first of them finds."""
    text = text[:cut]
    expected = min(plain(one, text) for one in ALL)
    assert scanning.undecided(BEGINNING, text, 0) == expected


@settings(deadline=None)
@given(st.lists(st.integers(-1, 900), min_size=1))
def test_regions_cover_every_look(ends):
    """Each place where a match may begin for one of the looks is in a region, and none twice."""
    ends = sorted(set(ends))
    regions = scanning._regions(ends)
    if ends[0] < 0:
        assert regions[0][0] == 0
        return
    for end in ends:
        for at in (end - 64, end, end + 64):
            assert sum(first <= at <= last for first, last in regions) == 1


HOSTILE = [
    "1" * 20_000,
    "1 " * 10_000,
    "4111-" * 4_000,
    "a@" * 10_000,
    "a" * 20_000 + "@",
    ":" * 20_000,
    "1." * 10_000,
    "tel " * 5_000,
    "aws " + "A1b2" * 5_000,
    "://u:" * 4_000,
    "password=" * 2_200,
    "GB82WEST" * 2_500,
    "-----BEGIN " * 1_800,
    "ignore all " * 1_800,
    "eyJhbGciOi" * 2_000,
    "[EMAIL_1]" * 2_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_texts_take_a_bounded_number_of_searches(text):
    """Searches, and the characters that they may look at, grow with the text and no faster."""
    patterns = kinds.patterns([*kinds.GROUPS, "url", "injection", "smuggled"])
    inner = matching(patterns)

    class Counting:
        looked = 0

        def hits(self, text):
            return inner.hits(text)

        def search(self, place, text, start, end):
            found = inner.search(place, text, start, end)
            until = end if found is None else found[1]
            self.looked += until - start + 1
            return found

    def cost(text):
        counting = Counting()
        whole(patterns, counting, text)
        return counting.looked

    half, full = cost(text[: len(text) // 2]), cost(text)
    assert full <= 2.2 * half + 200 * len(patterns)
    assert full <= 80 * len(patterns) * len(text)
