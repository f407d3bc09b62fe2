"""When a text is an item under test in disguise: what must not be shown to a model that is tested.

An example is the item when their words are the same but for case, width, punctuation and spacing;
when four fifths of their word trigrams are common (Jaccard); or when one of 13 words or more has
nine tenths of its trigrams in the other, which is the item with a greeting around it. Numbers
must agree: messages of one template about different orders are neighbours, and teach.

A passage is made from the item when it holds nine tenths of the trigrams of an input of eight
words or more, or a shorter input and the target word by word; it may be cut in two by a chunk's
end. The passage behind it goes too: an answer follows its question.

The thresholds are those by which training data are deduplicated (Lee et al. 2022, arXiv
2107.06499: Jaccard 0.8) and by which benchmarks are looked for in them (Brown et al. 2020, arXiv
2005.14165: runs of 13 words).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from escalera.arrays import np
from escalera.core.data.wording import ALIKE, LONG, WITHIN, numbers, trigrams, words
from escalera.domain.dataset import Example
from escalera.domain.message import Query
from escalera.domain.selection import Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUESTION = 8
"""Words of an input from which a passage that holds it was made from it."""


def said(query: Query) -> str:
    """All that makes a query what it is: the turns before it, the message and its fields."""
    turns = [turn.content for turn in query.history]
    return "\n".join([*turns, query.input, *(value for _, value in query.fields)])


class Twins:
    """Examples among which the disguises of an item are found."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._words = [words(said(example.query)) for example in examples]
        self._grams = _Grams(self._words)
        self._same: dict[str, list[int]] = defaultdict(list)
        self._clusters: dict[str, list[int]] = defaultdict(list)
        for place, (known, example) in enumerate(zip(self._words, examples, strict=True)):
            self._same[" ".join(known)].append(place)
            self._clusters[example.cluster].append(place)

    def of(self, item: Example) -> frozenset[int]:
        """Places of the examples that are *item* in disguise, or share its cluster."""
        return self.alike(item.query).union(self._clusters.get(item.cluster, ()))

    def alike(self, query: Query) -> frozenset[int]:
        """Places of the examples whose words are those of *query*, or nearly so."""
        asked = words(said(query))
        found = set(self._same.get(" ".join(asked), ()))
        own = trigrams(asked)
        if own:
            near = self._near(len(asked), len(own), self._grams.shared(own))
            found |= {place for place in near if _agree(asked, self._words[place])}
        return frozenset(found)

    def _near(self, length: int, own: int, shared: NDArray[np.int64]) -> list[int]:
        sizes = self._grams.sizes
        together = shared >= ALIKE * (sizes + own - shared)
        shorter = np.minimum(self._grams.lengths, length)
        held = (shorter >= LONG) & (shared >= WITHIN * np.minimum(sizes, own))
        return [int(place) for place in np.flatnonzero((shared > 0) & (together | held))]


class Copies:
    """Passages among which those that were made from an item are found."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._sources = [passage.source for passage in passages]
        self._words = [words(passage.text) for passage in passages]
        self._grams = _Grams(self._words)

    def of(self, item: Example) -> frozenset[int]:
        """Places of the passages that were made from *item*, and of those right behind them."""
        asked = words(item.input)
        own = trigrams(asked)
        if not own:
            return frozenset()
        if len(asked) >= QUESTION:
            found = self._holding(own)
        else:
            found = self._with_answer(asked, own, words(item.target))
        return frozenset(found | {place + 1 for place in found if self._goes_on(place)})

    def _holding(self, own: frozenset[str]) -> set[int]:
        """Passages that hold a long input, also where it is cut in two."""
        shared, enough = self._grams.shared(own), WITHIN * len(own)
        found = {int(place) for place in np.flatnonzero(shared >= enough)}
        # At a cut two trigrams are lost; what both chunks repeat is counted once.
        cut = (shared[:-1] + shared[1:] + 2 >= enough) & (shared[:-1] > 0) & (shared[1:] > 0)
        for place in map(int, np.flatnonzero(cut)):
            if found & {place, place + 1} or not self._goes_on(place):
                continue
            if len(self._pair(place) & own) + 2 >= enough:
                found |= {place, place + 1}
        return found

    def _with_answer(self, asked: list[str], own: frozenset[str], target: list[str]) -> set[int]:
        """Passages that hold a short input word by word, and the target behind it."""
        found = set()
        for place in np.flatnonzero(self._grams.shared(own) == len(own)):
            here, ends = self._words[place], self._words[place][-len(asked) :] == asked
            behind = self._words[place + 1] if ends and self._goes_on(int(place)) else []
            if _run(asked, here) and (_run(target, here) or _run(target, behind)):
                found.add(int(place))
        return found

    def _goes_on(self, place: int) -> bool:
        """Whether the next passage is of the same document."""
        return self._sources[place] in self._sources[place + 1 : place + 2]

    def _pair(self, place: int) -> frozenset[str]:
        return trigrams(self._words[place]) | trigrams(self._words[place + 1])


# Below: private.


class _Grams:
    """Which texts hold a trigram."""

    def __init__(self, texts: Sequence[list[str]]) -> None:
        holding: dict[str, list[int]] = defaultdict(list)
        counts = []
        for place, text in enumerate(texts):
            own = trigrams(text)
            counts.append(len(own))
            for gram in own:
                holding[gram].append(place)
        self._holding = {gram: np.array(places) for gram, places in holding.items()}
        self.sizes: NDArray[np.int64] = np.array(counts, dtype=np.int64)
        self.lengths: NDArray[np.int64] = np.array([len(t) for t in texts], dtype=np.int64)

    def shared(self, grams: frozenset[str]) -> NDArray[np.int64]:
        """How many of *grams* each text holds."""
        found = [self._holding[gram] for gram in grams if gram in self._holding]
        if not found:
            return np.zeros(len(self.sizes), dtype=np.int64)
        return np.bincount(np.concatenate(found), minlength=len(self.sizes))


def _agree(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether the numbers of the shorter text stand in the other."""
    shorter, longer = sorted((left, right), key=len)
    return numbers(shorter) <= numbers(longer)


def _run(short: Sequence[str], long: Sequence[str]) -> bool:
    """Whether the words of *short* stand in *long* one after the other."""
    return bool(short) and f" {' '.join(short)} " in f" {' '.join(long)} "
