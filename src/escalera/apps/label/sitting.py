"""A sitting: people label, and every label is on disk before the next unit is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from escalera.apps.label.matter import Matter
from escalera.core.evaluation import labelling
from escalera.core.evaluation.labelling import (
    Book,
    Concord,
    Given,
    Preference,
    Queue,
    Unit,
    Value,
    concord,
    preference,
    shown_first,
)
from escalera.errors import InputError
from escalera.ports import Lines

LONGEST_NAME, LONGEST_TARGET = 40, 200_000
"""Characters."""
AGED = 25

_NAME = re.compile(r"\w(?:[\w .@+-]*[\w.])?")
_PLACES = {"first": 0, "second": 1}


class Refused(InputError):
    """A label that cannot be taken; the message is for the one who gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one person has before the eyes; `unit` is None where nothing is left to label.

    `texts` come in the order of the screen. `value` is what the person gave before: a grade as
    text, `first`, `tie` or `second`, or a target.
    """

    by: str
    unit: Unit | None
    texts: tuple[str, ...]
    value: str | None
    done: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a sitting is: labels by person, units with a label, and what they say so far."""

    people: tuple[tuple[str, int], ...]
    units: int
    labelled: int
    shared: int
    unnamed: int
    passed_over: int
    concord: Concord
    preference: Preference | None


class Sitting:
    """Labels of *matter* by named people; the first *shared* units are labelled by everybody.

    *lines* is where labels go, and *now* the wall clock. Not for use by several threads.
    """

    def __init__(
        self, matter: Matter, lines: Lines, *, shared: int, now: Callable[[], float]
    ) -> None:
        self.matter = matter
        self.units = {unit.key: unit for unit in matter.units}
        self.queue = Queue(units=tuple(self.units), shared=shared)
        self._lines = lines
        self._now = now
        self._book = Book.of(matter.form.read(matter.place.file, lines.read()))
        self._put_off: dict[str, list[str]] = {}
        self._held: dict[str, str] = {}
        self._standing: Standing | None = None
        self._since = 0

    @property
    def book(self) -> Book:
        """The labels that count."""
        return self._book

    def shown(self, by: str, at: str | None = None) -> Shown:
        """What *by* labels next, or the unit *at* to label it again."""
        key = at if at in self.units else self._next(by)
        self._held.pop(by, None)
        if key is not None:
            self._held[by] = key
        return self._shown(by, key)

    def give(self, by: str, key: str, said: str) -> Given:
        """Take a label of *by*, in the words of the page; it is on disk when this returns.

        Giving the same label again changes nothing. Raises `Refused` for what is no label, and
        `LinesError` where it could not be written: then it does not count.
        """
        unit = self.units.get(key)
        if unit is None:
            raise Refused("this is not among what is to be labelled (any more): go on to the next")
        value, first = self._value(said, key, by), self._first(key, by)
        given = Given(unit=key, by=by, value=value, first=first)
        if self._book.value(key, by) != value:
            self._add(unit, given)
        if key in (later := self._put_off.get(by, [])):
            later.remove(key)
        return given

    def undo(self, by: str) -> str | None:
        """Take back the last label of *by*; the unit that it was of, or None without one."""
        key = self._book.last(by, self.units)
        if key is not None:
            given = Given(unit=key, by=by, value=None, first=self._first(key, by))
            self._add(self.units[key], given)
        return key

    def put_off(self, by: str, key: str) -> None:
        """Let *by* label a unit last."""
        if key in self.units:
            later = self._put_off.setdefault(by, [])
            if key in later:
                later.remove(key)
            later.append(key)

    def labelled(self, by: str) -> tuple[tuple[Unit, Given], ...]:
        """What *by* labelled, in the order of the queue."""
        found = ((unit, self._book.labels(key).get(by)) for key, unit in self.units.items())
        return tuple((unit, given) for unit, given in found if given is not None)

    def apart(self, by: str) -> tuple[tuple[Unit, tuple[Given, ...]], ...]:
        """The units on which people differ, of those that *by* labelled, too.

        What others gave a unit is not shown to who is yet to label it.
        """
        found = ((unit, self._named(unit.key)) for unit, _ in self.labelled(by))
        return tuple(
            (unit, given) for unit, given in found if len({one.value for one in given}) > 1
        )

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone who labelled something of what is asked."""
        return tuple(by for by in self._book.people if self._book.last(by, self.units))

    def standing(self) -> Standing:
        """How far the sitting is."""
        if self._standing is None or self._since:
            self._standing = standing(self.matter, self._book, shared=self.queue.shared)
            self._since = 0
        return self._standing

    def glance(self) -> Standing:
        """The same as it was a few labels ago, at most one to every `AGED` units in common.

        Intervals take time that grows with the square of the units; nobody waits for it at every
        label.
        """
        old = self._standing
        if old is None or self._since * AGED > old.concord.units:
            return self.standing()
        return old

    def _next(self, by: str) -> str | None:
        held = {key for person, key in self._held.items() if person != by}
        put_off = self._put_off.get(by, ())
        return self.queue.next(self._book, by, put_off=put_off, held=held)

    def _shown(self, by: str, key: str | None) -> Shown:
        done, left = len(self.labelled(by)), len(self.queue.waiting(self._book, by))
        if key is None:
            return Shown(by=by, unit=None, texts=(), value=None, done=done, left=left)
        unit, first = self.units[key], self._first(key, by)
        texts = unit.texts[::-1] if first == 1 else unit.texts
        value = self._said(self._book.value(key, by), first)
        return Shown(by=by, unit=unit, texts=texts, value=value, done=done, left=left)

    def _first(self, key: str, by: str) -> int | None:
        two = self.matter.grades is not None and len(self.units[key].texts) == 2
        return shown_first(key, by, seed=self.matter.seed) if two else None

    def _value(self, said: str, key: str, by: str) -> Value:
        grades, first = self.matter.grades, self._first(key, by)
        if grades is None:
            return self._target(said)
        if first is not None:
            if said == "tie":
                return 0.5
            if said not in _PLACES:
                raise Refused(f"{said!r} is no choice: choose the first, the second, or a tie")
            return float(_PLACES[said] == first)
        try:
            value = float(said)
        except ValueError:
            value = None
        if value not in grades:
            raise Refused(f"{said!r} is no grade: give {grades[0]:g} to {grades[-1]:g}")
        return value

    def _target(self, said: str) -> str:
        target = said.replace("\r\n", "\n").strip()
        problem = self.matter.unusable(target)
        if len(target) > LONGEST_TARGET:
            problem = f"is longer than {LONGEST_TARGET} characters"
        if problem is not None:
            raise Refused(f"this target {problem}")
        return target

    def _said(self, value: Value | None, first: int | None) -> str | None:
        """A label in the words of the page."""
        if value is None or isinstance(value, str):
            return value
        if first is None:
            return f"{value:g}"
        if value == 0.5:
            return "tie"
        return "first" if value == (1.0 if first == 0 else 0.0) else "second"

    def _add(self, unit: Unit, given: Given) -> None:
        self._lines.append(self.matter.form.line(unit, given, at=round(self._now(), 3)))
        self._book.add(given)
        self._since += 1

    def _named(self, key: str) -> tuple[Given, ...]:
        given = self._book.labels(key).values()
        return tuple(one for one in given if one.by != labelling.NOBODY)


def standing(matter: Matter, book: Book, *, shared: int) -> Standing:
    """How far the sitting of *matter* is, by the labels in *book*."""
    units = tuple(unit.key for unit in matter.units)
    labels = [book.labels(unit) for unit in units]
    people = ((by, sum(by in given for given in labels)) for by in book.people)
    compared = matter.grades == labelling.PREFERENCES
    return Standing(
        people=tuple((by, count) for by, count in people if count),
        units=len(units),
        labelled=sum(map(bool, labels)),
        shared=min(shared, len(units)),
        unnamed=sum(labelling.NOBODY in given for given in labels),
        passed_over=Queue(units=units, shared=shared).passed_over(book),
        concord=concord(matter.units, book, grades=matter.grades, alpha=matter.alpha),
        preference=preference(matter.units, book, alpha=matter.alpha) if compared else None,
    )


def name(text: str) -> str:
    """A person's name in its one form. Raises `Refused` for what is none."""
    found = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(found) > LONGEST_NAME or not _NAME.fullmatch(found):
        raise Refused(
            f"{text[:LONGEST_NAME]!r} is no name: use up to {LONGEST_NAME} letters, digits, spaces "
            "and any of . @ + - _"
        )
    return found
