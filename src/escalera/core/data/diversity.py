"""How much texts differ, and which of many differ the most.

Texts are compared by their shingles without numbers: messages that differ in a number alone are
worth little as examples of each other, though neither is superfluous.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from escalera.core.data import wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """How much some texts differ.

    `likeness` is the mean likeness of a text to the nearest other one (Jaccard, 0 to 1), and
    `bigrams` the share of different pairs of words among all (distinct-2; Li et al. 2016, arXiv
    1510.03055). Both are None where there is nothing to compare.
    """

    texts: int
    likeness: float | None
    bigrams: float | None


def measure(texts: Sequence[str]) -> Diversity:
    """The diversity of *texts*."""
    cuts = [_cut(text) for text in texts]
    nearest = [
        max(wording.jaccard(one, two) for at, two in enumerate(cuts) if at != place)
        for place, one in enumerate(cuts)
        if len(cuts) > 1
    ]
    pairs = [pair for text in texts for pair in _pairs(text)]
    return Diversity(
        texts=len(texts),
        likeness=math.fsum(nearest) / len(nearest) if nearest else None,
        bigrams=len(set(pairs)) / len(pairs) if pairs else None,
    )


def spread(texts: Sequence[str], count: int) -> list[int]:
    """The places of *count* texts that cover all of them best, in their order.

    The first, then always the one that is least like those chosen (farthest-first traversal;
    Gonzalez 1985: the largest distance of any text to a chosen one is at most twice the least that
    is possible). Of equals the first is chosen.
    """
    if count >= len(texts):
        return list(range(len(texts)))
    cuts = [_cut(text) for text in texts]
    chosen, like = [0] if count else [], [wording.jaccard(cuts[0], cut) for cut in cuts]
    while len(chosen) < count:
        taken = set(chosen)
        best = min((n for n in range(len(cuts)) if n not in taken), key=lambda n: (like[n], n))
        chosen.append(best)
        like = [max(old, wording.jaccard(cuts[best], cuts[n])) for n, old in enumerate(like)]
    return sorted(chosen)


# Below: private.


def _cut(text: str) -> frozenset[str]:
    """Runs of three characters, whatever the length: so that all texts can be compared."""
    return wording.Shingled(" ".join(wording.words(text)), "").cut(0)


def _pairs(text: str) -> list[tuple[str, str]]:
    said = wording.words(text)
    return list(pairwise(said))
