"""Lessons laid into rows: what each token sees, where it stands, and which tokens are answers.

A row holds several lessons. Each token sees its own lesson up to itself; where lessons of a family
begin alike, the common beginning stands in the row once and all of them see it. Positions count
within the lesson. So every answer is computed from exactly what it would see alone, and the model
reads a prompt that all examples share only once per row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from escalera.edges.training.lessons import Lesson

WIDTHS = (128, 256, 512, 1024)
"""Tokens of a row, unless one lesson is longer."""

_ATTENTION = 5
"""A row of so many times the hidden size takes as long for attention as for all the rest."""

_SHARE_FROM = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Lessons as arrays of one row each; shapes are (rows, width), or (answer tokens,).

    `segments` numbers the lesson or beginning a token belongs to (-1 is padding) and `parents` the
    beginning it sees besides. `at` are row and column of the tokens that predict an answer's
    token, `wanted` those tokens, and `owner` the lesson by its place in `lessons`.
    """

    lessons: tuple[Lesson, ...]
    tokens: NDArray[np.int64]
    positions: NDArray[np.int64]
    segments: NDArray[np.int64]
    parents: NDArray[np.int64]
    at: tuple[NDArray[np.int64], NDArray[np.int64]]
    wanted: NDArray[np.int64]
    owner: NDArray[np.int64]

    @property
    def read(self) -> int:
        """Tokens that go through the model, padding left out."""
        return int((self.segments >= 0).sum())

    def visible(self) -> NDArray[np.bool_]:
        """Which token (last axis) each token (axis before) sees: (rows, width, width)."""
        seen = self.segments[:, :, None] == self.segments[:, None, :]
        seen |= self.parents[:, :, None] == self.segments[:, None, :]
        found: NDArray[np.bool_] = seen & np.tri(self.tokens.shape[1], dtype=bool)
        return found


def batches(
    lessons: Sequence[Lesson],
    *,
    batch_tokens: int,
    seed: int,
    epoch: int,
    batch_examples: int | None = None,
) -> Iterator[tuple[Lesson, ...]]:
    """The lessons of each optimizer step of an epoch: in random order, up to `batch_tokens`.

    A longer lesson makes a batch of its own. Where `batch_examples` is a number, so many lessons
    make a batch, whatever their tokens. The order is a function of (seed, epoch).
    """
    generator = np.random.default_rng([seed, epoch])
    made: list[Lesson] = []
    tokens = 0
    for place in generator.permutation(len(lessons)):
        lesson = lessons[place]
        if batch_examples is None:
            full = bool(made) and tokens + len(lesson.tokens) > batch_tokens
        else:
            full = len(made) == batch_examples
        if full:
            yield tuple(made)
            made, tokens = [], 0
        made.append(lesson)
        tokens += len(lesson.tokens)
    if made:
        yield tuple(made)


def pack(batch: Sequence[Lesson], *, hidden: int) -> Rows:
    """Lay the lessons of a batch into rows of the width that should compute fastest.

    Long rows pay more for attention, short ones read what their lessons share more often. *hidden*
    is the hidden size of the model, which both are weighed with.
    """

    def cost(rows: Rows) -> float:
        height, width = rows.tokens.shape
        return float(height * width * (1 + width / (_ATTENTION * hidden)))

    return min((pack_rows(batch, row=width) for width in WIDTHS), key=cost)


def pack_rows(batch: Sequence[Lesson], *, row: int) -> Rows:
    """Lay the lessons of a batch into as few rows of this many tokens as fit, best fit first."""
    heads = _heads(batch)
    width = max(row, *(len(lesson.tokens) for lesson in batch))
    bins: list[_Bin] = []
    by_length = sorted(batch, key=lambda lesson: -len(lesson.tokens))
    for lesson in by_length:
        head = heads[lesson.family]
        fitting = [one for one in bins if one.used + one.cost(lesson, head) <= width]
        if fitting:
            chosen = max(fitting, key=lambda one: one.used + one.cost(lesson, head))
        else:
            chosen = _Bin()
            bins.append(chosen)
        chosen.add(lesson, head)
    return _laid(bins, heads)


def pad(batch: Sequence[Lesson]) -> Rows:
    """A row for each lesson, filled up behind it."""
    bins = []
    for lesson in batch:
        bins.append(_Bin())
        bins[-1].add(lesson, 0)
    return _laid(bins, dict.fromkeys((lesson.family for lesson in batch), 0))


def split(rows: Rows, *, tokens: int) -> Iterator[tuple[Lesson, ...]]:
    """The lessons of as many rows as hold at most *tokens* with padding, at least of one."""
    height = max(1, tokens // rows.tokens.shape[1])
    home = rows.at[0]
    for first in range(0, len(rows.tokens), height):
        inside = (home >= first) & (home < first + height)
        yield tuple(rows.lessons[owner] for owner in np.unique(rows.owner[inside]))


# Below: private.


@dataclass(slots=True)
class _Bin:
    """A row in the making: lessons by family, and the tokens that they take."""

    families: dict[str, list[Lesson]] = field(default_factory=dict)
    used: int = 0

    def cost(self, lesson: Lesson, head: int) -> int:
        return len(lesson.tokens) - (head if lesson.family in self.families else 0)

    def add(self, lesson: Lesson, head: int) -> None:
        self.used += self.cost(lesson, head)
        self.families.setdefault(lesson.family, []).append(lesson)


def _heads(batch: Sequence[Lesson]) -> dict[str, int]:
    """How many first tokens the lessons of each family share, where that is worth sharing."""
    families: dict[str, list[Lesson]] = {}
    for lesson in batch:
        families.setdefault(lesson.family, []).append(lesson)
    return {name: _shared(found) for name, found in families.items()}


def _shared(lessons: Sequence[Lesson]) -> int:
    first = min(lesson.tokens for lesson in lessons)
    last = max(lesson.tokens for lesson in lessons)
    limit = min(lesson.answer for lesson in lessons) - 1  # what predicts an answer is its own
    found = next((place for place in range(limit) if first[place] != last[place]), limit)
    return found if len(lessons) > 1 and found >= _SHARE_FROM else 0


def _laid(bins: Sequence[_Bin], heads: dict[str, int]) -> Rows:
    shape = (len(bins), max(one.used for one in bins))
    tokens, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    segments, parents = np.full(shape, -1), np.full(shape, -2)
    lessons: list[Lesson] = []
    rows: list[int] = []
    columns: list[int] = []
    owner: list[int] = []
    wanted: list[int] = []
    segment = 0
    for number, one in enumerate(bins):
        column = 0
        for family, members in one.families.items():
            head, parent = heads[family], -2
            if head:
                parent, stop = segment, column + head
                tokens[number, column:stop] = members[0].tokens[:head]
                positions[number, column:stop] = np.arange(head)
                segments[number, column:stop] = segment
                segment, column = segment + 1, stop
            for lesson in members:
                rest = lesson.tokens[head:]
                stop = column + len(rest)
                tokens[number, column:stop] = rest
                positions[number, column:stop] = np.arange(head, len(lesson.tokens))
                segments[number, column:stop] = segment
                parents[number, column:stop] = parent
                answers = range(lesson.answer - head, len(rest))
                rows += [number] * len(answers)
                columns += [column + place - 1 for place in answers]
                wanted += rest[answers.start :]
                owner += [len(lessons)] * len(answers)
                lessons.append(lesson)
                segment, column = segment + 1, stop
    return Rows(
        lessons=tuple(lessons),
        tokens=tokens,
        positions=positions,
        segments=segments,
        parents=parents,
        at=(np.array(rows), np.array(columns)),
        wanted=np.array(wanted),
        owner=np.array(owner),
    )
