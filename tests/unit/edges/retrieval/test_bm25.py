"""The library against the formula written out, and against numbers of its own documentation."""

from __future__ import annotations

import math

import bm25s
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.edges.retrieval import bm25
from escalera.testing import retrieval

CORPUS = [
    "a cat is a feline and likes to purr",
    "a dog is the human's best friend and loves to play",
    "a bird is a beautiful animal that can fly",
    "a fish is a creature that lives in water and swims",
]
"""The four documents of the README of bm25s."""
TEXTS = st.lists(st.text(alphabet="abcd ", max_size=14), min_size=1, max_size=8)


def test_the_example_of_the_library():
    """Its README: the fish document comes first, and the cat second, for this query."""
    found = bm25.index(CORPUS)("does the fish purr like a cat?")
    assert found[:2] == [0, 3]


def test_golden_values():
    """Scores worked out by hand: one word in one of three texts, and in two of them."""
    texts = ["a b", "b", "c c"]
    mean = 5 / 3
    rare = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    common = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))

    def norm(length):
        return 1.2 * (1 - 0.75 + 0.75 * length / mean)

    wanted = [rare / (1 + norm(2)) + common / (1 + norm(2)), common / (1 + norm(1)), 0.0]
    assert retrieval.scores(texts, "a b") == pytest.approx(wanted)
    library = bm25s.BM25(k1=1.2, b=0.75, method="lucene", dtype="float64")
    library.index([text.split() for text in texts], show_progress=False)
    assert library.get_scores(["a", "b"]).tolist() == pytest.approx(wanted)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(TEXTS, st.text(alphabet="abcde ", max_size=10))
def test_the_library_ranks_as_the_slow_reference(texts, query):
    """The same texts in an order that the reference's scores allow."""
    found, slow = bm25.index(texts)(query), retrieval.index(texts)(query)
    assert sorted(found) == sorted(slow)
    scores = retrieval.scores(texts, query)
    assert [scores[place] for place in found] == pytest.approx([scores[place] for place in slow])


def test_ties_keep_the_order_and_strangers_are_left_out():
    """Equal texts score alike; a query of unknown words finds nothing."""
    search = bm25.index(["b c", "a", "a", ""])
    assert search("a") == [1, 2]
    assert search("z") == ()
    assert search("") == ()
    assert bm25.index(["", "!"])("a") == ()
