"""`data import` and `data export`: files of others as items, and items as files for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from escalera.apps.data import loading
from escalera.core.data import argilla, columns, label_studio, rows, writing
from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Entry, Form, Row
from escalera.core.data.splitting import Shares
from escalera.errors import DataError, InputError
from escalera.settings.data_file import Source
from escalera.wiring import data_sets

Tool = Literal["rows", "label-studio", "argilla"]
Output = Literal["items", "chat", "pairs", "preference", "label-studio", "argilla"]
_HOLD = "Name a file that holds some"
SHOWN = 20
"""Rows that are left out and told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How answers are taken: from which control or question, and whether suggestions count."""

    control: str | None = None
    suggested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """How many items were written, and what was left out, by place.

    `lost` counts the rows of which something could not be said in the form, by what it was.
    """

    written: int
    left_out: tuple[str, ...] = ()
    unread: Mapping[str, int]
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "written": self.written,
            "left_out": len(self.left_out),
            "shown": list(self.left_out[:SHOWN]),
            "keys_not_read": dict(self.unread),
            "not_written": dict(self.lost),
        }

    def __str__(self) -> str:
        lines = [f"left out: {said}" for said in self.left_out[:SHOWN]]
        if len(self.left_out) > SHOWN:
            lines.append(f"and {len(self.left_out) - SHOWN} more")
        lines += [f"not read: the key {key!r} of {n} rows" for key, n in self.unread.items()]
        lines += [
            f"not written, for want of a place: {w} of {n} rows" for w, n in self.lost.items()
        ]
        return "\n".join([*lines, f"{self.written} items written, {len(self.left_out)} left out"])


def bring(
    source: Source, into: Path, *, tool: Tool, asked: Asked, shares: Shares | None
) -> Converted:
    """Write a file of another form to *into* as items, one JSON object per line.

    Of tools for labelling, what has no agreed answer is left out and told. Of other files, a row
    that is none is an error. With *shares* rows without a split get one, whole clusters together.
    Raises `DataError` where no row is left, and leaves *into* as it was.
    """
    _another(into, source)
    left_out: list[str] = []
    unread: dict[str, int] = {}
    found = (
        _labelled(source, tool, asked, left_out, unread)
        if tool != "rows"
        else _plain(source, unread)
    )
    lines = _documents(_some(found, source, left_out), shares)
    written = data_sets.write_lines(into, lines)
    return Converted(written=written, left_out=tuple(left_out), unread=unread)


def send(source: Source, into: Path, *, output: Output) -> Converted:
    """Write items to *into* in the form of another tool, or of finetuning services.

    As preferences, the rows that have a rejected answer; the others are counted as left out. What
    finetuning services have no place for is counted: a split that is taught is not tested.
    Raises `DataError` where no row is left, and leaves *into* as it was.
    """
    _another(into, source)
    left_out: list[str] = []
    lost: Counter[str] = Counter()
    names: dict[str, int] = {}
    found: Iterator[tuple[str, Row]] = (
        (rows.name_of(row, names), row) for placed in loading.read(source) for row in placed.rows
    )
    if output == "preference":
        found = _compared(found, left_out)
    found = _some(found, source, left_out)
    if output == "label-studio":
        tasks = (
            label_studio.task(row, name=name, number=number)
            for number, (name, row) in enumerate(found, start=1)
        )
        written = data_sets.write_document(into, tasks)
    elif output == "argilla":
        records = (argilla.record(row, name=name) for name, row in found)
        written = data_sets.write_document(into, records)
    else:
        lines = (_form(row, name, output, lost) for name, row in found)
        written = data_sets.write_lines(into, lines)
    return Converted(written=written, left_out=tuple(left_out), unread={}, lost=lost)


# Below: private.


def _another(into: Path, source: Source) -> None:
    if into.resolve() == source.file.resolve():
        raise InputError(f"{into} is what is read: name another file to write")


def _some(found: Iterable[Any], source: Source, left_out: list[str]) -> Iterator[Any]:
    """What was found, unless it is nothing: a file of no rows would be written over another."""
    count = 0
    for one in found:
        count += 1
        yield one
    if not count:
        first = f", and {len(left_out)} were left out, such as: {left_out[0]}" if left_out else ""
        problem = f"there are no items in it{first}"
        raise DataError(file=str(source.file), problem=problem.rstrip("."), remedy=_HOLD)


def _plain(source: Source, unread: dict[str, int]) -> Iterator[Row]:
    for placed in loading.read(source):
        for key in rows.read(placed.raw, source.defaults).unread:
            unread[key] = unread.get(key, 0) + 1
        yield from placed.rows


def _labelled(
    source: Source, tool: Tool, asked: Asked, left_out: list[str], unread: dict[str, int]
) -> Iterator[Row]:
    """The rows with an agreed answer; the others are told."""
    found = columns.looked_for(_entries(source, tool, asked), source.defaults.columns)
    for place, entry in found:
        flaws: Iterable[Flaw]
        if isinstance(entry, Flaw) and not place:
            # The whole file is no export.
            raise DataError(file=str(source.file), problem=entry.problem, remedy=entry.remedy)
        if isinstance(entry, Flaw):
            flaws = [entry]
        else:
            reading = rows.read(entry, source.defaults)
            flaws = reading.flaws
            for key in reading.unread:
                unread[key] = unread.get(key, 0) + 1
            yield from reading.rows
        left_out.extend(f"{source.file}, {place}: {flaw.problem}. {flaw.remedy}" for flaw in flaws)


def _entries(source: Source, tool: Tool, asked: Asked) -> Iterator[Entry]:
    document = data_sets.document(source.file)
    if tool == "label-studio":
        return label_studio.entries(document, control=asked.control)
    return argilla.entries(document, question=asked.control, suggested=asked.suggested)


def _documents(found: Iterable[Row], shares: Shares | None) -> Iterator[dict[str, Any]]:
    names: dict[str, int] = {}
    for row in found:
        name = rows.name_of(row, names)
        split = row.split if shares is None else shares.of(row, name)
        yield writing.document(replace(row, split=split), name=name)


def _compared(found: Iterable[tuple[str, Row]], left_out: list[str]) -> Iterator[tuple[str, Row]]:
    for name, row in found:
        if row.rejected:
            yield name, row
        else:
            left_out.append(f"the row {name!r} has no rejected answer")


def _form(row: Row, name: str, output: Form, lost: Counter[str]) -> dict[str, Any]:
    lost.update(writing.lost(row, output))
    try:
        return writing.document(row, name=name, form=output)
    except ValueError as error:
        raise InputError(f"{error}: write it as a chat") from error
