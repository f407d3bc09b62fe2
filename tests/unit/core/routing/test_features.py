"""Hashed words and n-grams of a message."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from escalera.core.routing import features


def listed(text):
    """Buckets and values of a message as plain lists."""
    return [array.tolist() for array in features.hashed(text)]


def spelled(text):
    """The words and n-grams of a message, one by one, as Python would say it."""
    raw = features.folded(text)
    found = raw.split()
    for length in features.NGRAMS:
        found += [raw[at : at + length] for at in range(len(raw) - length + 1)]
    return found


def placed(text):
    """The buckets of every piece of a message."""
    raw, spans, buckets = features.pieces(text)
    found = {}
    for (start, stop), bucket in zip(spans, buckets.tolist(), strict=True):
        found.setdefault(raw[start:stop], set()).add(bucket)
    return found


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.text(max_size=40))
@example("")
@example("¡Señor, 3,50 €!")
@example("aaaa aaaa \udcff")
def test_equal_pieces_share_a_bucket_and_are_counted(text):
    """Beside the obvious way: as many values as pieces, and every bucket named by its pieces."""
    places, values = features.hashed(text)
    counts = np.exp(values - 1)
    assert round(float(counts.sum())) == len(spelled(text))
    assert places.tolist() == sorted(set(places.tolist()))
    assert all(0 <= place < features.BUCKETS for place in places)
    raw, spans, buckets = features.pieces(text)
    assert [raw[start:stop] for start, stop in spans] == spelled(text)
    assert sorted(set(buckets.tolist())) == places.tolist()


def test_a_piece_has_its_bucket_wherever_it_stands():
    """The hash knows what is said and not where, and a word from a piece of a word."""
    of, again = placed("red lamp"), placed("a lamp, a red one")
    both = of.keys() & again.keys()
    assert both >= {b"red", b"lamp", b"lam", b" red", b"amp "}
    assert all(of[said] == again[said] for said in both)
    assert max(len(buckets) for buckets in of.values()) == 2  # "red" is a word and three letters


def test_different_pieces_hardly_ever_share_a_bucket():
    """Thousands of n-grams of numbers, which differ in single characters."""
    text = " ".join(str(number) for number in range(400))
    pieces = len(set(spelled(text)))
    chance = pieces * pieces / 2 / features.BUCKETS
    assert pieces - len(features.hashed(text)[0]) < 3 * chance + 5


def test_case_spacing_and_punctuation_do_not_matter():
    """Shouting is not another type."""
    assert listed("Two  MORE!\n") == listed("two more")


def test_a_long_message_is_read_from_its_beginning():
    """The cost of routing is bounded."""
    start = "a b " * (features.LONGEST // 4)
    assert listed(start) == listed(start + "z" * 999)
    assert listed(start) != listed("z" * 999 + start)


def test_slots_number_the_known_buckets_from_one():
    """Nought stands for all others."""
    slots = features.slots(np.array([5, 9]))
    assert (slots[5], slots[9], slots.sum(), len(slots)) == (1, 2, 3, features.BUCKETS)
