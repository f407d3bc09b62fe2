"""MinHash sketches: near sets are found, others are not."""

from __future__ import annotations

import random

from escalera.core.data import wording
from escalera.edges.data.sketches import MinHashes


def pairs(chance, likeness, count):
    """Pairs of sets of eighty with a Jaccard of about *likeness*."""
    for number in range(count):
        common = round(160 * likeness / (1 + likeness))
        shared = {f"{number} {n}" for n in range(common)}
        left = shared | {f"{number} l{n}" for n in range(80 - common)}
        right = shared | {f"{number} r{n}" for n in range(80 - common)}
        yield frozenset(left), frozenset(right)


def found(likeness, least=0.7):
    """The share of pairs of which one finds the other, and how many others it finds."""
    index, made = MinHashes(least), [*pairs(random.Random(1), likeness, 400)]
    for number, (left, _) in enumerate(made):
        index.add(number, left)
    named = [index.like(right) for _, right in made]
    hits = sum(number in numbers for number, numbers in enumerate(named))
    return hits / len(made), sum(map(len, named)) - hits


def test_sets_at_the_threshold_are_found():
    """At 0.7 with a probability of 0.9998 by the bands, less what the sketch's doubt costs."""
    share, others = found(0.7)
    assert share >= 0.99
    assert others == 0
    assert found(0.9)[0] == 1.0


def test_sets_far_from_the_threshold_are_not_named():
    """So that little is compared in vain."""
    assert found(0.3)[0] <= 0.01


def test_the_likeliest_come_first():
    """And numbers are those that sets were added by."""
    base = frozenset(map(str, range(100)))
    index = MinHashes(0.6)
    index.add(17, base | {f"x{n}" for n in range(20)})
    index.add(5, base | {"y"})
    assert index.like(base) == [5, 17]
    assert MinHashes(0.6).like(base) == ()


def test_the_same_sets_have_the_same_sketches():
    """On every machine and in every run: what is found does not depend on chance."""
    texts = ["where is my parcel today", "where is my parcel to day", "cancel order 17"]
    runs = []
    for _ in range(2):
        index = MinHashes(0.6)
        for number, text in enumerate(texts):
            index.add(number, wording.shingled(text).cut(0))
        runs.append([index.like(wording.shingled(text).cut(0)) for text in texts])
    assert runs[0] == runs[1] == [[0, 1], [1, 0], [2]]
