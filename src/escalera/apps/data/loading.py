"""Rows of files, one after the other, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.core.data import rows
from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Form, Row
from escalera.errors import DataError, InputError
from escalera.settings.data_file import Source
from escalera.wiring import data_sets, outputs

NOTHING = "no row was written: those of an earlier run, where there are some, are left as they were"
"""What is said where a model wrote nothing that may be taught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What one row of a file came to: items, the row as it was written, and its place."""

    file: str
    place: str
    raw: Mapping[str, Any]
    form: Form | None
    rows: tuple[Row, ...]


def read(source: Source, *, asked_only: bool = False) -> Iterator[Placed]:
    """Every row of a file. Raises `DataError` for the first that is none.

    With *asked_only* a row needs no answer: it is compared with, not learned from.
    """
    file = str(source.file)
    for place, found in data_sets.entries(source):
        if isinstance(found, Flaw):
            raise _error(file, place, found)
        reading = rows.read(found, source.defaults, asked_only=asked_only)
        for flaw in reading.flaws:
            raise _error(file, place, flaw)
        yield Placed(file=file, place=place, raw=found, form=reading.form, rows=reading.rows)


def require_apart(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Raise `InputError` where an output would be written over an input, or over another output."""
    known = [path.resolve() for path in inputs]
    for number, path in enumerate(outputs):
        if path.resolve() in [*known, *(one.resolve() for one in outputs[:number])]:
            raise InputError(f"{path} is read or written already: name another file")
        if any(one in path.resolve().parents for one in known):
            raise InputError(f"{path} is inside of what is read: name another file")


def beside_project(into: Path, project: Path, *inputs: Path) -> Path:
    """Where is told what was left out of *into*: a file beside it.

    Raises `InputError` where either is part of the project, one of *inputs*, or something else than
    rows, which would be lost.
    """
    removed = into.with_name(f"{into.name}.removed.jsonl")
    named = [one.file for group in data_sets.of_project(project).values() for one in group]
    require_apart([into, removed], [*named, *inputs])
    for one in (into, removed):
        outputs.require(one, outputs.ROWS, project=project)
    return removed


# Below: private.


def _error(file: str, place: str, flaw: Flaw) -> DataError:
    remedy = f"{flaw.remedy}; `escalera data check` tells all that is wrong"
    return DataError(file=file, place=place, problem=flaw.problem, remedy=remedy)
