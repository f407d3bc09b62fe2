"""Who labels what next, which labels count, and how far people agree.

A unit is what one label is given to: an answer that is graded, two answers of which one is chosen,
or an input whose target is written. Units come in an order that knows nothing of the answers, so
that the first n of them are a random sample. The first `shared` of a queue are labelled by
everybody, which shows how far people agree; each other unit by one person.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from escalera.core.stats import agreement, mean
from escalera.core.stats.clustering import Interval
from escalera.domain.dataset import Example, rank
from escalera.domain.identity import digest_of

Value = float | str
"""A grade, a preference (1 the first of the texts, 0.5 a tie, 0 the second), or a target."""

NOBODY = ""
"""Stands for the people of a file that does not name them."""

PREFERENCES = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one label is given to: an item with one text, or with two that are compared.

    `judged` is what the judge of the task gave the first text, in [0, 1], where that is known.
    """

    item: Example
    texts: tuple[str, ...]
    judged: float | None = None

    @property
    def key(self) -> str:
        """By what its labels find it."""
        return key_of(self.item.id, *self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One label as it was given; a `value` of None takes the person's earlier one back.

    `first` is the place in `Unit.texts` of what was shown first, where two were shown.
    """

    unit: str
    by: str
    value: Value | None
    first: int | None = None


@dataclass(slots=True)
class Book:
    """The labels that count: of each person and unit the last one."""

    _of_unit: dict[str, dict[str, Given]] = field(default_factory=dict)
    _of_person: dict[str, dict[str, None]] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Iterable[Given]) -> Book:
        """The book after all of *given*, in their order."""
        book = cls()
        for one in given:
            book.add(one)
        return book

    def add(self, given: Given) -> None:
        """Let *given* count, in place of what the same person gave the unit before."""
        labelled = self._of_person.setdefault(given.by, {})
        labels = self._of_unit.setdefault(given.unit, {})
        labelled.pop(given.unit, None)
        labels.pop(given.by, None)
        if given.value is not None:
            labelled[given.unit] = None
            labels[given.by] = given

    def labels(self, unit: str) -> Mapping[str, Given]:
        """What counts for a unit, by person; the latest comes last."""
        return self._of_unit.get(unit, {})

    def value(self, unit: str, by: str) -> Value | None:
        """What *by* gave a unit, or None."""
        found = self.labels(unit).get(by)
        return None if found is None else found.value

    def last(self, by: str, units: Collection[str]) -> str | None:
        """Which of *units* has the latest label of *by*."""
        labelled = self._of_person.get(by, {})
        return next((unit for unit in reversed(labelled) if unit in units), None)

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone who gave a label that names them, in the order of their first one."""
        return tuple(by for by in self._of_person if by != NOBODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Units in the order in which they are labelled; the first `shared` by everybody."""

    units: tuple[str, ...]
    shared: int

    def waiting(self, book: Book, by: str) -> tuple[str, ...]:
        """What *by* has still to label, in order."""
        return tuple(
            unit
            for place, unit in enumerate(self.units)
            if (by not in book.labels(unit) if place < self.shared else not book.labels(unit))
        )

    def next(
        self,
        book: Book,
        by: str,
        *,
        put_off: Sequence[str] = (),
        held: Collection[str] = (),
    ) -> str | None:
        """What *by* labels next, or None where nothing is left.

        What *by* has `put_off` comes last, in the order in which it was put off; what others have
        before their eyes (`held`) comes behind even that, unless everybody labels it.
        """
        elsewhere = set(held) - set(self.units[: self.shared])
        waiting = self.waiting(book, by)
        free = [unit for unit in waiting if unit not in put_off and unit not in elsewhere]
        later = [unit for unit in put_off if unit in waiting and unit not in elsewhere]
        return next(iter((*free, *later, *waiting)), None)

    def passed_over(self, book: Book) -> int:
        """Units without a label that stand before one with a label.

        While there are any, the labelled units are no random sample.
        """
        labelled = [place for place, unit in enumerate(self.units) if book.labels(unit)]
        return labelled[-1] + 1 - len(labelled) if labelled else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Concord:
    """How far people agree on the `units` that at least two of them labelled.

    `same` is the share on which all agree; `alpha` is Krippendorff's, by the order of the grades
    where there is one; `pairs` hold the kappa of every two people with a unit in common.
    """

    units: int
    same: Interval | None
    alpha: Interval | None
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two people: the units that both labelled, and kappa, weighted by squared distance."""

    first: str
    second: str
    units: int
    kappa: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """How often the first text of a unit is preferred, a tie counting one half, and the ties.

    `shown_first` is how often the text that was shown first is preferred: 0.5 without a bias,
    and None where the places are not known.
    """

    units: int
    first: Interval
    ties: Interval
    shown_first: Interval | None


def key_of(item: str, *texts: str) -> str:
    """By what labels find the unit of an item with these texts."""
    return digest_of((item, texts))[:24]


def shown_first(unit: str, by: str, *, seed: int) -> int:
    """Which of two texts *by* is shown first: 0 or 1, at random and for good."""
    return rank(f"{unit} {by}", seed=seed)[0] & 1


def levels(lowest: int, highest: int) -> tuple[float, ...]:
    """The grades of a scale, from low to high."""
    return tuple(float(grade) for grade in range(lowest, highest + 1))


def concord(
    units: Sequence[Unit], book: Book, *, grades: Sequence[float] | None, alpha: float
) -> Concord:
    """How far people agree on *units*; `grades` from low to high, or None where labels are texts.

    A label between two grades counts as the nearer one.
    """
    people = book.people
    table, clusters = [], []
    for unit in units:
        row = [_level(book.value(unit.key, by), grades) for by in people]
        if sum(label is not None for label in row) >= 2:
            table.append(row)
            clusters.append(unit.item.cluster)
    ordered = grades is not None and len(grades) > 2
    same = [float(len({label for label in row if label is not None}) == 1) for row in table]
    return Concord(
        units=len(table),
        same=_known(lambda: mean.interval(same, clusters, alpha=alpha)),
        alpha=_known(
            lambda: agreement.krippendorff_alpha(
                table, clusters, metric="ordinal" if ordered else "nominal", alpha=alpha
            )
        ),
        pairs=tuple(
            pair
            for one, other in combinations(range(len(people)), 2)
            if (pair := _pair(people, (one, other), table, clusters, grades, alpha)).units
        ),
    )


def preference(units: Sequence[Unit], book: Book, *, alpha: float) -> Preference | None:
    """What people prefer of two texts, or None without a label. People count alike in a unit."""
    columns: tuple[list[float], list[float], list[float]] = ([], [], [])
    clusters, placed = [], []
    for unit in units:
        given = _preferences(unit, book)
        if given:
            columns[0].append(_mean([value for _, value in given]))
            columns[1].append(_mean([float(value == 0.5) for _, value in given]))
            clusters.append(unit.item.cluster)
        seen = [v if one.first == 0 else 1.0 - v for one, v in given if one.first is not None]
        if seen:
            columns[2].append(_mean(seen))
            placed.append(unit.item.cluster)
    if not clusters:
        return None
    first, ties = (mean.interval(column, clusters, alpha=alpha) for column in columns[:2])
    return Preference(
        units=len(clusters),
        first=first,
        ties=ties,
        shown_first=mean.interval(columns[2], placed, alpha=alpha) if placed else None,
    )


def preferred(units: Sequence[Unit], book: Book) -> Iterator[tuple[Unit, str, str]]:
    """Each unit that people decided, with the text that most of them prefer and the other one."""
    for unit in units:
        given = [value for _, value in _preferences(unit, book)]
        if given and _mean(given) != EVEN:
            one, other = unit.texts if _mean(given) > EVEN else unit.texts[::-1]
            yield unit, one, other


# Below: private.

EVEN = 0.5


def _preferences(unit: Unit, book: Book) -> list[tuple[Given, float]]:
    given = book.labels(unit.key).values()
    return [(one, one.value) for one in given if isinstance(one.value, float)]


def _level(value: Value | None, grades: Sequence[float] | None) -> int | str | None:
    """The place of the nearest grade, or the text."""
    if value is None or isinstance(value, str):
        return value
    if grades is None:
        return f"{value:g}"
    return min(range(len(grades)), key=lambda place: abs(grades[place] - value))


def _pair(
    people: Sequence[str],
    places: tuple[int, int],
    table: Sequence[Sequence[int | str | None]],
    clusters: Sequence[str],
    grades: Sequence[float] | None,
    alpha: float,
) -> Pair:
    one, other = places
    both = [n for n, row in enumerate(table) if row[one] is not None and row[other] is not None]
    first, second = ([table[n][place] for n in both] for place in places)
    ordered = grades is not None and len(grades) > 2
    kappa = _known(
        lambda: agreement.cohen_kappa(
            first,
            second,
            [clusters[n] for n in both],
            categories=None if grades is None else range(len(grades)),
            weights="quadratic" if ordered else "nominal",
            alpha=alpha,
        )
    )
    return Pair(first=people[one], second=people[other], units=len(both), kappa=kappa)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _known(compute: Callable[[], Interval]) -> Interval | None:
    """The interval, or None where there is nothing to compute it from."""
    try:
        return compute()
    except ValueError:
        return None
