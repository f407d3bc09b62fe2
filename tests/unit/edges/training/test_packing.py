"""Rows: every lesson whole, seeing itself and its beginning only; batches by the seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from escalera.edges.training import packing
from escalera.edges.training.lessons import Lesson

pytestmark = pytest.mark.local


@st.composite
def batches(draw: st.DrawFn) -> list[Lesson]:
    """Lessons of up to three families, with beginnings of 0 to 20 tokens."""
    found = []
    heads = [draw(st.integers(0, 20)) for _ in range(3)]
    for place in range(draw(st.integers(1, 12))):
        family = draw(st.integers(0, 2))
        rest = draw(st.lists(st.integers(3, 9), min_size=2, max_size=40))
        tokens = (*range(100, 100 + heads[family]), *rest)
        answer = draw(st.integers(1, len(tokens) - 1))
        found.append(Lesson(tokens=tokens, answer=answer, place=place, family=str(family)))
    return found


@given(batches(), st.integers(1, 120))
def test_every_token_sees_exactly_its_lesson_up_to_itself(batch: list[Lesson], row: int) -> None:
    """Following what each predicting token sees gives the lesson before the predicted token."""
    rows = packing.pack_rows(batch, row=row)
    seen = rows.visible()
    assert sorted(lesson.place for lesson in rows.lessons) == list(range(len(batch)))
    counted = dict.fromkeys(range(len(batch)), 0)
    for line, column, wanted, owner in zip(*rows.at, rows.wanted, rows.owner, strict=True):
        lesson = rows.lessons[owner]
        read = rows.tokens[line, seen[line, column]].tolist()
        assert read == list(lesson.tokens[: len(read)])
        assert rows.positions[line, seen[line, column]].tolist() == list(range(len(read)))
        assert wanted == lesson.tokens[len(read)]
        counted[lesson.place] += 1
    for lesson in batch:
        assert counted[lesson.place] == len(lesson.tokens) - lesson.answer
    assert rows.tokens.shape[1] <= max(row, *(len(lesson.tokens) for lesson in batch))


@given(batches())
def test_nothing_is_read_twice_but_beginnings_in_other_rows(batch: list[Lesson]) -> None:
    """In one wide row, a shared beginning is read once; padded, every lesson is read whole."""
    assert packing.pad(batch).read == sum(len(lesson.tokens) for lesson in batch)
    assert packing.pack_rows(batch, row=10_000).read <= packing.pad(batch).read


@given(batches(), st.integers(1, 200))
def test_passes_part_the_batch(batch: list[Lesson], tokens: int) -> None:
    """Every lesson is in exactly one pass."""
    parts = list(packing.split(packing.pack_rows(batch, row=64), tokens=tokens))
    places = [lesson.place for part in parts for lesson in part]
    assert sorted(places) == list(range(len(batch)))


def made(count: int) -> list[Lesson]:
    """Lessons of 1 to 9 tokens that can be told apart."""
    return [
        Lesson(tokens=(number,) * (1 + number * 7 % 9), answer=0)
        for number in range(100, 100 + count)
    ]


def test_every_lesson_comes_once_an_epoch_within_the_token_limit() -> None:
    """Batches partition the lessons; a lesson above the limit comes alone."""
    lessons = [*made(50), Lesson(tokens=(7,) * 99, answer=0)]
    found = list(packing.batches(lessons, batch_tokens=32, seed=1, epoch=0))
    assert sorted(lesson.tokens for batch in found for lesson in batch) == sorted(
        lesson.tokens for lesson in lessons
    )
    for batch in found:
        assert sum(len(lesson.tokens) for lesson in batch) <= 32 or len(batch) == 1


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    """Equal arguments give equal batches; another seed or epoch gives others."""

    def order(seed: int, epoch: int) -> list[tuple[Lesson, ...]]:
        return list(packing.batches(made(40), batch_tokens=32, seed=seed, epoch=epoch))

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_short_beginnings_are_not_shared() -> None:
    """Below eight tokens a segment of its own costs more than it saves."""
    lessons = [Lesson(tokens=(1, 2, 3, n, 9), answer=4, place=n) for n in range(4)]
    assert packing.pack_rows(lessons, row=64).read == 20
    assert (np.unique(packing.pack_rows(lessons, row=64).parents) == -2).all()


def test_rows_are_as_wide_as_pays() -> None:
    """Lessons without a common beginning lie in short rows where attention is dear, in wide ones
    where it is cheap and fewer places stay empty; a long common beginning makes rows wide."""
    plain = [Lesson(tokens=(n + 3,) * 60, answer=1, place=n, family=str(n)) for n in range(17)]
    dear, cheap = packing.pack(plain, hidden=16), packing.pack(plain, hidden=100_000)
    assert dear.tokens.shape[1] < cheap.tokens.shape[1]
    assert dear.tokens.size >= cheap.tokens.size
    head = tuple(range(100, 300))
    alike = [Lesson(tokens=(*head, n, n, 1), answer=202, place=n) for n in range(17)]
    assert len(packing.pack(alike, hidden=256).tokens) == 1


def test_batches_may_count_examples() -> None:
    """So many make a batch, whatever their tokens; the order stays that of the seed."""
    lessons = [Lesson(tokens=(1,) * (n + 2), answer=1, place=n) for n in range(7)]
    by_tokens = packing.batches(lessons, batch_tokens=1, seed=3, epoch=1)
    by_number = list(packing.batches(lessons, batch_tokens=1, seed=3, epoch=1, batch_examples=3))
    assert [len(batch) for batch in by_number] == [3, 3, 1]
    flat = [lesson.place for batch in by_number for lesson in batch]
    assert flat == [lesson.place for batch in by_tokens for lesson in batch]
