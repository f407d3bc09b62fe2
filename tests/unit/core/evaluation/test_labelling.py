"""Labelling: which labels count, who labels what next, and how far people agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.evaluation.labelling import (
    NOBODY,
    PREFERENCES,
    Book,
    Given,
    Queue,
    Unit,
    concord,
    key_of,
    levels,
    preference,
    preferred,
    shown_first,
)
from escalera.core.stats import agreement, mean
from escalera.domain.dataset import Example

UNITS = tuple("abcdefgh")


def label(unit, by, value, first=None):
    return Given(unit=unit, by=by, value=value, first=first)


def unit(number, *, cluster=None):
    name = f"t/{number}"
    item = Example(
        id=name, task="t", split="confirm", input="?", target="!", cluster=cluster or name
    )
    return Unit(item=item, texts=(f"answer {number}",))


def test_the_last_label_of_each_person_counts():
    """A correction takes the place of what it corrects; others' labels stand."""
    book = Book.of([label("a", "Ana", 1.0), label("a", "Bo", 2.0), label("a", "Ana", 4.0)])
    assert {by: one.value for by, one in book.labels("a").items()} == {"Ana": 4.0, "Bo": 2.0}
    assert [*book.labels("a")] == ["Bo", "Ana"]
    assert book.people == ("Ana", "Bo")
    assert book.value("a", "Cy") is None


def test_a_label_is_taken_back_and_the_one_before_is_the_last():
    """Undo goes back step by step, over the units that are asked about."""
    book = Book.of([label(name, "Ana", 1.0) for name in "abc"])
    assert book.last("Ana", UNITS) == "c"
    book.add(label("c", "Ana", None))
    assert (book.last("Ana", UNITS), book.labels("c")) == ("b", {})
    book.add(label("a", "Ana", 3.0))
    assert book.last("Ana", UNITS) == "a"
    assert book.last("Ana", {"b", "c"}) == "b"
    assert book.last("Bo", UNITS) is None


def test_shared_units_are_for_everybody_and_the_others_for_one():
    """Also labels without a name are labels of somebody."""
    queue = Queue(units=UNITS, shared=2)
    book = Book.of([label("a", "Ana", 1.0), label("c", "Ana", 1.0), label("d", NOBODY, 1.0)])
    assert queue.waiting(book, "Ana") == ("b", "e", "f", "g", "h")
    assert queue.waiting(book, "Bo") == ("a", "b", "e", "f", "g", "h")


def test_what_is_put_off_comes_last_and_what_others_hold_after_it():
    """But a shared unit may be before two people's eyes."""
    queue, book = Queue(units=tuple("abcd"), shared=1), Book()
    assert queue.next(book, "Bo", held={"a", "b"}) == "a"
    book.add(label("a", "Bo", 1.0))
    assert queue.next(book, "Bo", held={"a", "b"}) == "c"
    assert queue.next(book, "Bo", put_off=["c", "d"], held={"b"}) == "c"
    assert queue.next(book, "Bo", put_off=["d", "c"], held={"b"}) == "d"
    for name in "cd":
        book.add(label(name, "Bo", 1.0))
    assert queue.next(book, "Bo", held={"b"}) == "b"
    book.add(label("b", "Ana", 1.0))
    assert queue.next(book, "Bo") is None


@settings(max_examples=60, deadline=None)
@given(
    shared=st.integers(0, 9),
    steps=st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("gguls")), max_size=80),
)
def test_every_unit_is_labelled_in_the_end_and_none_twice_by_one_person(shared, steps):
    """Whatever is undone, put off and held meanwhile."""
    queue, book = Queue(units=UNITS, shared=shared), Book()
    put_off, held = {by: [] for by in "ABC"}, {}

    def turn(by, what):
        others = {key for person, key in held.items() if person != by}
        key = queue.next(book, by, put_off=put_off[by], held=others)
        if what == "u":
            last = book.last(by, UNITS)
            if last is not None:
                book.add(label(last, by, None))
        elif key is not None and what in "ls":
            held[by] = key
            if what == "s" and key not in put_off[by]:
                put_off[by].append(key)
        elif key is not None:
            assert by not in book.labels(key)
            book.add(label(key, by, 1.0))

    for by, what in steps:
        turn(by, what)
    for by in "ABC":
        while queue.next(book, by, put_off=put_off[by]) is not None:
            turn(by, "g")
    counts = [len(book.labels(key)) for key in UNITS]
    assert counts[:shared] == [3] * min(shared, len(UNITS))
    assert all(counts)


def test_units_that_were_passed_over_are_counted():
    """The labelled ones are a random sample when they are the first of the order."""
    queue = Queue(units=UNITS, shared=0)
    assert queue.passed_over(Book()) == 0
    assert queue.passed_over(Book.of([label("a", "A", 1.0), label("b", "A", 1.0)])) == 0
    assert queue.passed_over(Book.of([label("b", "A", 1.0), label("e", "A", 1.0)])) == 3


def test_which_text_is_shown_first_is_drawn_for_good():
    """Half and half over units, and another draw for another person."""
    drawn = [shown_first(str(n), "Ana", seed=1) for n in range(400)]
    assert drawn == [shown_first(str(n), "Ana", seed=1) for n in range(400)]
    assert 160 < sum(drawn) < 240
    other = [shown_first(str(n), "Bo", seed=1) for n in range(400)]
    assert 160 < sum(a != b for a, b in zip(drawn, other, strict=True)) < 240


def test_a_unit_is_known_by_its_item_and_its_texts():
    """In their order: a changed answer is another unit."""
    assert unit(1).key == key_of("t/1", "answer 1")
    assert len({key_of("t/1", "x"), key_of("t/2", "x"), key_of("t/1", "x", "y")}) == 3
    assert key_of("t", "x", "y") != key_of("t", "y", "x")


GIVEN = {"Ana": [0, 1, 2, 3, 4, 4, 2, 1], "Bo": [0, 1, 2, 4, 4, 3, 2, 0], "Cy": [None, 1, 3, 3]}


def test_agreement_is_that_of_the_statistics():
    """Alpha over all people with what is missing, kappa of every two, ordered and by clusters."""
    units = [unit(n, cluster=f"c{n // 2}") for n in range(10)]
    book = Book.of(
        label(one.key, by, float(value))
        for by, values in GIVEN.items()
        for one, value in zip(units, values, strict=False)
        if value is not None
    )
    book.add(label(units[9].key, "Ana", 2.0))
    book.add(label(units[8].key, NOBODY, 2.0))
    found = concord(units, book, grades=levels(0, 4), alpha=0.1)
    table = [[GIVEN[by][n] if n < len(GIVEN[by]) else None for by in GIVEN] for n in range(8)]
    clusters = [f"c{n // 2}" for n in range(8)]
    assert found.units == 8
    assert found.alpha == agreement.krippendorff_alpha(table, clusters, metric="ordinal", alpha=0.1)
    same = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    assert found.same == mean.interval(same, clusters, alpha=0.1)
    pair = found.pairs[0]
    assert (pair.first, pair.second, pair.units) == ("Ana", "Bo", 8)
    assert pair.kappa == agreement.cohen_kappa(
        GIVEN["Ana"],
        GIVEN["Bo"],
        clusters,
        categories=range(5),
        weights="quadratic",
        alpha=0.1,
    )
    assert [(one.first, one.second, one.units) for one in found.pairs[1:]] == [
        ("Ana", "Cy", 3),
        ("Bo", "Cy", 3),
    ]


def test_agreement_of_texts_and_of_two_grades_has_no_order():
    """Nominal: any two that differ differ alike."""
    units = [unit(n) for n in range(4)]
    texts = {"Ana": ["a", "b", "c", "a"], "Bo": ["a", "c", "c", "b"]}
    book = Book.of(
        label(one.key, by, text)
        for by, said in texts.items()
        for one, text in zip(units, said, strict=True)
    )
    found = concord(units, book, grades=None, alpha=0.05)
    rows = [list(row) for row in zip(*texts.values(), strict=True)]
    assert found.alpha == agreement.krippendorff_alpha(rows, [u.item.cluster for u in units])
    two = Book.of(
        label(one.key, by, float(n % 2 == (by == "Bo" and n == 3)))
        for n, one in enumerate(units)
        for by in texts
    )
    read = concord(units, two, grades=levels(0, 1), alpha=0.05)
    assert read.pairs[0].kappa == agreement.cohen_kappa(
        [1, 0, 1, 0], [1, 0, 1, 1], [u.item.cluster for u in units], categories=range(2)
    )


def test_nothing_in_common_and_all_alike_are_told_apart():
    """No unit by two people; and two who never differ, where chance cannot be told."""
    units = [unit(n) for n in range(3)]
    alone = concord(units, Book.of([label(units[0].key, "Ana", 1.0)]), grades=(0, 1), alpha=0.05)
    assert (alone.units, alone.same, alone.alpha, alone.pairs) == (0, None, None, ())
    book = Book.of(label(one.key, by, 1.0) for one in units for by in ("Ana", "Bo"))
    alike = concord(units, book, grades=(0, 1, 2), alpha=0.05)
    assert (alike.units, alike.alpha, alike.pairs[0].kappa) == (3, None, None)
    assert alike.same is not None
    assert alike.same.estimate == 1.0


def test_a_preference_counts_people_alike_within_a_unit():
    """Ties are halves; the place of what was preferred is read where it is known."""
    units = [unit(n) for n in range(4)]
    keys = [one.key for one in units]
    book = Book.of(
        [
            label(keys[0], "Ana", 1.0, 0),
            label(keys[0], "Bo", 0.0, 0),
            label(keys[1], "Ana", 1.0, 1),
            label(keys[2], "Ana", 0.5, 1),
            label(keys[3], NOBODY, 1.0),
        ]
    )
    found = preference(units, book, alpha=0.05)
    assert found is not None
    clusters = [one.item.cluster for one in units]
    assert found.units == 4
    assert found.first == mean.interval([0.5, 1.0, 0.5, 1.0], clusters, alpha=0.05)
    assert found.ties == mean.interval([0.0, 0.0, 1.0, 0.0], clusters, alpha=0.05)
    assert found.shown_first == mean.interval([0.5, 0.0, 0.5], clusters[:3], alpha=0.05)
    assert preference(units, Book(), alpha=0.05) is None
    unplaced = preference(units[3:], book, alpha=0.05)
    assert unplaced is not None
    assert unplaced.shown_first is None


def test_grades_between_two_count_as_the_nearer():
    """A mean of several people in one line may lie between the grades."""
    units = [unit(n) for n in range(3)]
    values = {"Ana": [0.4, 1.0, 1.6], "Bo": [0.0, 1.0, 2.0]}
    book = Book.of(
        label(one.key, by, value)
        for by, given in values.items()
        for one, value in zip(units, given, strict=True)
    )
    found = concord(units, book, grades=levels(0, 2), alpha=0.05)
    assert found.same is not None
    assert found.same.estimate == 1.0
    assert PREFERENCES == (0.0, 0.5, 1.0)
    assert replace(units[0], judged=0.5).key == units[0].key


@pytest.mark.parametrize(("lowest", "highest", "count"), [(0, 4, 5), (-2, 2, 5), (1, 2, 2)])
def test_levels_are_the_grades_of_a_scale(lowest, highest, count):
    """Both ends belong to it."""
    found = levels(lowest, highest)
    assert (found[0], found[-1], len(found)) == (lowest, highest, count)


def test_what_most_prefer_is_the_text_that_is_chosen():
    """A tie decides nothing, and neither do two who differ."""
    units = [replace(unit(n), texts=(f"a{n}", f"b{n}")) for n in range(4)]
    keys = [one.key for one in units]
    given = [(0, "Ana", 1.0), (0, "Bo", 0.5), (1, "Ana", 0.0), (2, "Ana", 1.0), (2, "Bo", 0.0)]
    book = Book.of([label(keys[n], by, value, 0) for n, by, value in given])
    found = [(one.item.id, right, wrong) for one, right, wrong in preferred(units, book)]
    assert found == [("t/0", "a0", "b0"), ("t/1", "b1", "a1")]
