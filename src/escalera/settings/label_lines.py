"""The lines that `escalera label` adds to a file: one per label, by whom, and when.

Three kinds: grades of answers, in the form that `labels_file` reads; choices between the answers of
two systems; and targets of inputs. Ids stand in them as in the data file, without the task's name.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from escalera.core.evaluation.labelling import NOBODY, Given, Unit, Value, key_of
from escalera.domain.judge import Scale
from escalera.errors import DataError
from escalera.settings import labels_file

Line = Mapping[str, Any]


class Form(Protocol):
    """One kind of line."""

    def line(self, unit: Unit, given: Given, *, at: float) -> Line:
        """What is written for a label that is given at *at*, in seconds since the epoch."""

    def read(self, file: Path, lines: Iterable[bytes]) -> Iterator[Given]:
        """The labels in *lines* of *file*. Raises `DataError` for a line that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grades:
    """Grades of one answer on `scale`; where `against`, of an answer beside the item's target.

    Such a grade is a preference: 1 where the answer is better than the target.
    """

    task: str
    scale: Scale
    against: Mapping[str, str] | None = None

    def line(self, unit: Unit, given: Given, *, at: float) -> Line:
        """The answer with one person's grade of it."""
        found = {
            "item": _short(self.task, unit),
            "reply": unit.texts[0],
            "label": _plain(given.value),
        }
        if given.first is not None:
            found["order"] = "first" if given.first == 0 else "second"
        return {**found, "by": given.by, "at": at}

    def read(self, file: Path, lines: Iterable[bytes]) -> Iterator[Given]:
        """Grades by name, and the means of those whose people are not named."""
        for _, row in labels_file.rows(file, lines, scale=self.scale):
            item = f"{self.task}/{row.item}"
            targets = () if self.against is None else (self.against.get(item, ""),)
            unit = key_of(item, row.reply, *targets)
            if row.label is not UNSET:
                first = {"first": 0, "second": 1}.get(row.order or "")
                yield Given(unit=unit, by=row.by, value=row.label, first=first)
            elif row.labels:
                yield Given(unit=unit, by=NOBODY, value=sum(row.labels) / len(row.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Choices between the answers of the systems called `a` and `b`."""

    task: str
    a: str
    b: str

    def line(self, unit: Unit, given: Given, *, at: float) -> Line:
        """Both answers with their systems, which was shown first, and which was chosen."""
        return {
            "item": _short(self.task, unit),
            "a": {"system": self.a, "reply": unit.texts[0]},
            "b": {"system": self.b, "reply": unit.texts[1]},
            "first": "a" if given.first == 0 else "b",
            "choice": None if given.value is None else _CHOSEN[given.value],
            "by": given.by,
            "at": at,
        }

    def read(self, file: Path, lines: Iterable[bytes]) -> Iterator[Given]:
        """Choices between these two systems; those between others are passed over."""
        needed = 'A line is like {"item": "1", "a": {…}, "b": {…}, "choice": "a", "by": "Ana"}'
        for row in _rows(file, lines, _Choice, "choice", needed):
            turned = (row.a.system, row.b.system) == (self.b, self.a)
            if turned or (row.a.system, row.b.system) == (self.a, self.b):
                yield _chosen(f"{self.task}/{row.item}", row, turned=turned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Targets that people wrote for inputs."""

    task: str

    def line(self, unit: Unit, given: Given, *, at: float) -> Line:
        """The input with its target."""
        return {
            "id": _short(self.task, unit),
            "input": unit.item.input,
            "target": given.value,
            "by": given.by,
            "at": at,
        }

    def read(self, file: Path, lines: Iterable[bytes]) -> Iterator[Given]:
        """Targets by input: a changed input is another one."""
        needed = 'A line is like {"id": "1", "input": "…", "target": "…", "by": "Ana"}'
        for row in _rows(file, lines, _Target, "target", needed):
            unit = key_of(f"{self.task}/{row.id}", row.input)
            yield Given(unit=unit, by=row.by, value=row.target)


# Below: private.


class _Side(msgspec.Struct, frozen=True, kw_only=True):
    system: str
    reply: str


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    item: str
    a: _Side
    b: _Side
    first: Literal["a", "b"]
    choice: Literal["a", "b", "tie"] | None
    by: str


class _Target(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    input: str
    target: str | None
    by: str


_CHOSEN: Mapping[Value, str] = {1.0: "a", 0.5: "tie", 0.0: "b"}
_WORTH: Mapping[str, float] = {"a": 1.0, "tie": 0.5, "b": 0.0}

Kind = TypeVar("Kind", bound=msgspec.Struct)


def _short(task: str, unit: Unit) -> str:
    return unit.item.id.removeprefix(f"{task}/")


def _plain(value: Value | None) -> Value | int | None:
    """A whole grade without a point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _rows(
    file: Path, lines: Iterable[bytes], kind: type[Kind], name: str, needed: str
) -> Iterator[Kind]:
    decode: Callable[[bytes], Kind] = msgspec.json.Decoder(kind).decode
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield decode(line.removeprefix(BOM_UTF8))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = f"is not a {name}: {error}"
            raise DataError(file=str(file), line=number, problem=problem, remedy=needed) from None


def _chosen(item: str, row: _Choice, *, turned: bool) -> Given:
    """The choice from the viewpoint of the system that is called `a` here."""
    sides, first = [row.a.reply, row.b.reply], 0 if row.first == "a" else 1
    value = None if row.choice is None else _WORTH[row.choice]
    if turned:
        sides, first = sides[::-1], 1 - first
        value = None if value is None else 1.0 - value
    return Given(unit=key_of(item, *sides), by=row.by, value=value, first=first)
