"""How much texts differ, and which differ most."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.data import diversity, wording

WORDS = st.text(alphabet="abcd ", min_size=1, max_size=12)


def like(left, right):
    one, two = (
        wording.Shingled(" ".join(wording.words(text)), "").cut(0) for text in (left, right)
    )
    return wording.jaccard(one, two)


def test_texts_that_differ_in_numbers_alone_are_alike():
    """They are different examples, and nearly worthless as such."""
    found = diversity.measure(["cancel my order 17 now", "cancel my order 18 now"])
    assert found.likeness is not None
    assert found.likeness > 0.7
    assert found.bigrams == pytest.approx(6 / 8)


def test_nothing_to_compare_has_no_figure():
    """One text, or none."""
    assert diversity.measure([]) == diversity.Diversity(texts=0, likeness=None, bigrams=None)
    assert diversity.measure(["one"]).likeness is None


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=7), st.integers(0, 7))
def test_those_that_are_chosen_cover_the_others_within_twice_the_least_distance(texts, count):
    """Gonzalez's bound, against every choice of as many (Jaccard's distance is a metric)."""
    chosen = diversity.spread(texts, count)
    assert len(chosen) == min(count, len(texts))
    assert chosen == sorted(set(chosen))

    def radius(places):
        return max(min(1 - like(text, texts[place]) for place in places) for text in texts)

    if 0 < count < len(texts) and all(wording.words(text) for text in texts):
        best = min(map(radius, itertools.combinations(range(len(texts)), count)))
        assert radius(chosen) <= 2 * best + 1e-12


def test_the_least_different_go():
    """Of three that say nearly the same one stays."""
    texts = ["the lamp is broken", "the lamp was broken", "the lamp is broken!", "send an invoice"]
    assert diversity.spread(texts, 2) == [0, 3]
