"""What a project's data files must hold: items of every purpose, none of which leaks into another.

Files are read by whoever calls, in any form; here is what is asked of their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from escalera.core.data import columns, rows
from escalera.core.data.flaws import Flaw
from escalera.core.data.rows import Defaults, Entry, Row
from escalera.domain.dataset import SPLITS, Example, Examples, Split
from escalera.domain.identity import canonical
from escalera.errors import DataError, ProjectError

Refuses = Callable[[str], str | None]
"""What is wrong with a target for a scorer, or None."""

Reader = Callable[[Path], Iterator[Entry]]
"""Reads a file, row by row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file or folder of items, and what is said of all its rows."""

    file: Path
    defaults: Defaults = field(default_factory=Defaults)


def accepts(_target: str) -> str | None:
    """A scorer that takes any target."""
    return None


def load(
    sources: Sequence[Source],
    *,
    task: str,
    project: Path,
    reader: Reader,
    refuses: Refuses = accepts,
) -> Examples:
    """Every item of the files that *project* names for *task*, in their order.

    *refuses* says what is wrong with a target for the task's scorer, or None.

    Raises `ProjectError` for a file that cannot be read. Raises `DataError` for a row that is no
    item, for a target that the scorer refuses, for an id that comes twice, for data without
    `search` or `confirm` items, and for an input that stands in two splits: what is taught or
    chosen on must not be what is confirmed on.
    """
    try:
        examples = Examples(_examples(partial(_items, sources, task, reader), task, refuses))
    except OSError as error:
        name = error.filename or str(sources[0].file)
        raise ProjectError(
            file=str(project),
            key=f"tasks.{task}.data",
            problem=f"names the file {str(name)!r}, which cannot be read ({error.strerror})",
            remedy="Put the data there, or name another file; paths are relative to the project's",
        ) from error
    names = ", ".join(str(source.file) for source in sources)
    if not examples:
        problem, remedy = "the file holds no items", "Add a JSON object per line"
        raise DataError(file=names, problem=problem, remedy=remedy)
    for split in ("search", "confirm"):
        if not examples.of(split):
            problem, remedy = f"no item has the split {split!r}", "A climb needs some"
            raise DataError(file=names, problem=problem, remedy=remedy)
    return examples


# Below: private.


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item stands."""

    file: Path
    place: str

    def error(self, problem: str, remedy: str) -> DataError:
        """What is wrong there."""
        return DataError(file=str(self.file), place=self.place, problem=problem, remedy=remedy)

    def seen_from(self, other: _Place) -> str:
        """The place, with its file where that is another one."""
        return self.place if self.file == other.file else f"{self.place} of {self.file}"


_Items = Callable[[], Iterable[tuple[_Place, Example]]]


def _examples(items: _Items, task: str, refuses: Refuses) -> Iterator[Example]:
    """The items, none of which comes twice or stands in two splits."""
    ids: set[str] = set()
    splits: dict[str | bytes, Split] = {}
    for at, item in items():
        if item.id in ids:
            # Read again, so that no place need be kept.
            before = next(at for at, known in items() if known.id == item.id).seen_from(at)
            name = item.id.removeprefix(f"{task}/")
            raise at.error(f"the id {name!r} is also on {before}", "Rename")
        split = splits.setdefault(_asked(item), item.split)
        if split != item.split:
            before = next(at for at, known in items() if known.query == item.query).seen_from(at)
            raise at.error(
                f"the same input is in split {split!r} on {before} and in {item.split!r}",
                "Keep it in one of them",
            )
        if problem := refuses(item.target):
            raise at.error(f"the target {problem}", "Correct it, or change the scorer")
        ids.add(item.id)
        yield item


def _asked(item: Example) -> str | bytes:
    """What tells a query from others: its input, where it has nothing else."""
    return canonical(item.query) if item.history or item.fields else item.input


def _items(
    sources: Sequence[Source], task: str, reader: Reader
) -> Iterator[tuple[_Place, Example]]:
    made: dict[str, int] = {}
    for source in sources:
        found = columns.looked_for(reader(source.file), source.defaults.columns)
        for place, entry in found:
            at = _Place(source.file, place)
            for row in _read(at, entry, source.defaults):
                yield at, rows.example(row, name=rows.name_of(row, made), task=task)


def _read(at: _Place, entry: Mapping[str, Any] | Flaw, defaults: Defaults) -> tuple[Row, ...]:
    if isinstance(entry, Flaw):
        raise at.error(entry.problem, entry.remedy)
    reading = rows.read(entry, defaults)
    for flaw in reading.flaws:
        raise at.error(flaw.problem, flaw.remedy)
    for row in reading.rows:
        if row.split is None:
            remedy = f"Add one of {', '.join(SPLITS)}, or say it of the whole file"
            raise at.error("`split` is missing", remedy)
    return reading.rows
