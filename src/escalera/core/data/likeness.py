"""Which rows say what another row says: in one file, across splits, and in other files.

Rows are looked at in the order of what must be kept: other files and rows for verdicts first, then
those for choosing, then those that teach; within one purpose in the order of the files. So the row
that is found superfluous is always the one that may go, and what it is like stays. Candidates come
from sketches; each is verified by the exact Jaccard, so that a pair is told only if it is above the
threshold. The comparison with rows that are left out would add nothing: they are like one that
stays.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from escalera.core.data import wording
from escalera.core.data.rows import Row
from escalera.core.data.texts import Texts
from escalera.domain.dataset import Split

Kind = Literal["exact", "near", "held"]
"""How a row is like another: the same but for case and spacing; nearly; around it."""

COMPARED = 200
"""Candidates that a row is compared with, the likeliest first. Rows with more are counted."""

ORDER: tuple[Split | None, ...] = ("golden", "confirm", "search", "train", None)
"""Splits by what must be kept before what. Rows without a split are taken as teaching."""

TESTED: tuple[Split, ...] = ("golden", "confirm", "search")
"""Splits whose questions must not be taught."""

GREETED = 8
"""Words of a run by which a text is looked for in others; texts of `LONG` words have several."""
ANCHORS = 4
"""Runs of a text that are remembered."""


class Sketches(Protocol):
    """Finds sets that are likely to have much in common with another."""

    def like(self, shingles: frozenset[str]) -> Sequence[int]:
        """The numbers of sets added before that may have much in common, the likeliest first."""

    def add(self, number: int, shingles: frozenset[str]) -> None:
        """Remember a set by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A row is like another one: its place, the other's, how, and how much."""

    place: int
    other: int
    kind: Kind
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The same question with another answer: the place of the row and of the first such row."""

    place: int
    other: int


class Pile:
    """Rows in little memory: texts as bytes, and what they are for."""

    def __init__(self) -> None:
        self._asked = Texts()
        self._answers = Texts()
        self._splits = array("b")
        self._kept = bytearray()

    def __len__(self) -> int:
        return len(self._splits)

    def append(self, row: Row, *, kept: bool = False) -> None:
        """Add a row; one that is *kept* is of another file, and is never left out."""
        turns = [turn.content for turn in row.history]
        values = [value for _, value in row.fields]
        self._asked.append("\n".join([*turns, row.input, *values]))
        self._answers.append(row.target)
        self._splits.append(ORDER.index(row.split))
        self._kept.append(kept)

    def asked(self, place: int) -> str:
        """All that makes the question of a row what it is."""
        return self._asked[place]

    def answer(self, place: int) -> str:
        """The answer of a row."""
        return self._answers[place]

    def split(self, place: int) -> Split | None:
        """What a row is for."""
        return ORDER[self._splits[place]]

    def kept(self, place: int) -> bool:
        """Whether the row is of another file."""
        return bool(self._kept[place])

    def in_order(self) -> list[int]:
        """The places, what must be kept first."""
        return sorted(range(len(self)), key=lambda n: (not self._kept[n], self._splits[n], n))


@dataclass(slots=True)
class Found:
    """What was found, and what was not looked at."""

    alike: list[Likeness]
    conflicts: list[Conflict]
    uncompared: int = 0


def find(
    pile: Pile,
    *,
    sketches: Sequence[Sketches],
    near: float = wording.NEAR,
    progress: Callable[[int], None] = lambda _: None,
) -> Found:
    """Every row that says what another says which stays.

    *sketches* are empty ones, one for each kind of shingles (`wording.KINDS`); without them nothing
    near is found.

    Two rows are exact twins where question and answer are the same but for case and spacing; across
    splits the question suffices, since the answer is what must not be known. Near twins have
    questions of which *near* of all shingles are common, and answers that say the same.
    """
    search = _Search(pile, sketches, near)
    found = Found(alike=[], conflicts=[])
    for done, place in enumerate(pile.in_order(), start=1):
        search.look(place, found)
        if not done % 1000:
            progress(done)
    found.uncompared = search.uncompared
    return found


Between = tuple[str, str, Kind]
"""The split of a row, that of the row that it is like, and how.

A row of another file has the split "other file", a row without a split "".
"""


def between(one: Likeness, pile: Pile) -> Between:
    """Between which splits a likeness is."""

    def said(place: int) -> str:
        return "other file" if pile.kept(place) else pile.split(place) or ""

    return said(one.place), said(one.other), one.kind


def among(alike: Iterable[Likeness], pile: Pile) -> Counter[Between]:
    """How many rows of which split are like one of which other."""
    return Counter(between(one, pile) for one in alike)


# Below: private.

_NONE: frozenset[str] = frozenset()


class _Search:
    """The rows that stay so far, and the ways to find one that is like another."""

    def __init__(self, pile: Pile, sketches: Sequence[Sketches], near: float) -> None:
        self._pile = pile
        self._sketches = sketches  # one for each kind of shingles, or none at all
        self._near = near
        self._same: dict[bytes, array[int]] = {}
        self._runs: dict[int, int] = {}
        self.uncompared = 0

    def look(self, place: int, found: Found) -> None:
        """Tell what the row at *place* is like; where it is like none, it stays."""
        likeness, text = None, wording.shingled(self._pile.asked(place))
        own = text.cut(text.kind) if self._sketches else _NONE
        if not self._pile.kept(place):
            likeness = self._exact(place, found) or self._alike(place, text, own)
            likeness = likeness or self._held(place, text.said.split())
        if likeness is None:
            self._stay(place, text, own)
        else:
            found.alike.append(likeness)

    def _exact(self, place: int, found: Found) -> Likeness | None:
        same = self._same.get(wording.key(self._pile.asked(place)), ())
        for other in same:
            if self._crosses(place, other) or self._agree(place, other):
                return Likeness(place=place, other=other, kind="exact", value=1.0)
        if same:
            found.conflicts.append(Conflict(place=place, other=same[0]))
        return None

    def _alike(self, place: int, text: wording.Shingled, own: frozenset[str]) -> Likeness | None:
        if not own:
            return None
        named = self._sketches[text.kind].like(own)
        if len(named) > COMPARED:
            self.uncompared += 1
        best: tuple[float, int] | None = None
        for other in named[:COMPARED]:
            theirs = wording.shingled(self._pile.asked(other)).cut(text.kind)
            value = wording.jaccard(own, theirs)
            if value < self._near or not self._agree(place, other):
                continue
            if best is None or (value, -other) > (best[0], -best[1]):  # of equals the first
                best = (value, other)
        if best is None:
            return None
        return Likeness(place=place, other=best[1], kind="near", value=best[0])

    def _held(self, place: int, said: Sequence[str]) -> Likeness | None:
        """A row that holds a long question which must not be known, with a greeting around it."""
        if len(said) < wording.LONG or not self._runs:
            return None
        own: frozenset[str] | None = None
        seen = set()
        for run in _runs(said):
            other = self._runs.get(run)
            if other is None or other in seen or not self._crosses(place, other):
                continue
            seen.add(other)
            own = own or wording.trigrams(said)
            theirs = wording.words(self._pile.asked(other))
            grams = wording.trigrams(theirs)
            value = len(grams & own) / len(grams)
            if value >= wording.WITHIN and wording.numbers(theirs) <= wording.numbers(said):
                return Likeness(place=place, other=other, kind="held", value=value)
        return None

    def _stay(self, place: int, text: wording.Shingled, own: frozenset[str]) -> None:
        asked = self._pile.asked(place)
        self._same.setdefault(wording.key(asked), array("I")).append(place)
        for kind in text.kinds if own else ():
            self._sketches[kind].add(place, own if kind == text.kind else text.cut(kind))
        if self._pile.kept(place) or self._pile.split(place) in TESTED:
            said = text.said.split()
            if len(said) >= wording.LONG:
                for run in sorted(_runs(said))[:ANCHORS]:
                    self._runs.setdefault(run, place)

    def _crosses(self, place: int, other: int) -> bool:
        """Whether the two are for different purposes, or in different files."""
        apart = self._pile.kept(place) != self._pile.kept(other)
        return apart or self._pile.split(place) != self._pile.split(other)

    def _agree(self, place: int, other: int) -> bool:
        """Whether the answers say the same, or there is none to compare with."""
        left, right = self._pile.answer(place), self._pile.answer(other)
        return not (left and right) or wording.same_answer(left, right, least=self._near)


def _runs(said: Sequence[str]) -> Iterator[int]:
    """Every run of `GREETED` words, as a number; what two of them share is verified."""
    for start in range(len(said) - GREETED + 1):
        yield zlib.crc32(" ".join(said[start : start + GREETED]).encode())
