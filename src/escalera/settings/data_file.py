"""Reading data files: one JSON object per line, every problem with file and line."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from escalera.domain.dataset import Example, Examples, Split
from escalera.domain.identity import canonical
from escalera.domain.message import Message
from escalera.errors import DataError, ProjectError

LONGEST_LINE = 1_000_000
"""Bytes: a longer line is a mistake (a whole file on one line), not an item."""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A turn of the conversation before the input."""

    role: Literal["user", "assistant"]
    content: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a data file; keys that are not listed here are ignored."""

    id: str
    split: Split
    input: str
    target: str
    cluster: str | None = None
    history: tuple[Turn, ...] = ()
    fields: dict[str, Any] = {}


Refuses = Callable[[str], str | None]
"""What is wrong with a target for a scorer, or None."""


def accepts(_target: str) -> str | None:
    """A scorer that takes any target."""
    return None


def load(file: Path, *, task: str, project: Path, refuses: Refuses = accepts) -> Examples:
    """Every item of the data file that *project* names for *task*, in the file's order.

    *refuses* says what is wrong with a target for the task's scorer, or None.

    Raises `ProjectError` for a file that cannot be read. Raises `DataError` for a line that is no
    item, for a target that the scorer refuses, for an id that comes twice, for a file without
    `search` or `confirm` items, and for an input that stands in two splits: what is taught or
    chosen on must not be what is confirmed on.
    """
    examples = Examples(_examples(file, task=task, project=project, refuses=refuses))
    if not examples:
        raise _error(file, 1, "the file holds no items", "Add a JSON object per line")
    for split in ("search", "confirm"):
        if not examples.of(split):
            raise _error(file, 1, f"no item has the split {split!r}", "A climb needs some")
    return examples


def fields(file: Path, line: int, found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The facts that come with an input, as JSON by name. Raises `DataError` for a name that
    templates cannot use.
    """
    for name in found:
        if not name.isidentifier() or name == "input":
            rule = f"the field {name!r} cannot be used in a template"
            raise _error(file, line, rule, "Give it a plain name that is not `input`")
    return tuple((name, canonical(found[name]).decode()) for name in sorted(found))


# Below: private.


def _examples(file: Path, *, task: str, project: Path, refuses: Refuses) -> Iterator[Example]:
    """The items, none of which comes twice or stands in two splits."""
    ids: set[str] = set()
    splits: dict[str | bytes, Split] = {}
    items = partial(_items, file, task=task, project=project)
    for line, item in items():
        if item.id in ids:
            before = next(n for n, known in items() if known.id == item.id)
            name = item.id.removeprefix(f"{task}/")
            raise _error(file, line, f"the id {name!r} is also on line {before}", "Rename")
        split = splits.setdefault(_asked(item), item.split)
        if split != item.split:
            # Read again, so that no line number need be kept.
            before = next(n for n, known in items() if known.query == item.query)
            raise _error(
                file,
                line,
                f"the same input is in split {split!r} on line {before} and in {item.split!r}",
                "Keep it in one of them",
            )
        if problem := refuses(item.target):
            raise _error(file, line, f"the target {problem}", "Correct it, or change the scorer")
        ids.add(item.id)
        yield item


def _asked(item: Example) -> str | bytes:
    """What tells a query from others: its input, where it has nothing else."""
    return canonical(item.query) if item.history or item.fields else item.input


def _items(file: Path, *, task: str, project: Path) -> Iterator[tuple[int, Example]]:
    for line, row in _rows(_lines(file, task=task, project=project), file):
        name = f"{task}/{row.id}"
        yield (
            line,
            Example(
                id=name,
                task=task,
                split=row.split,
                input=row.input,
                target=row.target,
                cluster=row.cluster or name,
                history=tuple(Message(role=t.role, content=t.content) for t in row.history),
                fields=fields(file, line, row.fields),
            ),
        )


def _lines(file: Path, *, task: str, project: Path) -> Iterator[bytes]:
    """The lines; of one that is too long, only its beginning."""
    try:
        with file.open("rb") as stream:
            if stream.read(len(BOM_UTF8)) != BOM_UTF8:
                stream.seek(0)
            while line := stream.readline(LONGEST_LINE + 1):
                yield line
    except OSError as error:
        raise ProjectError(
            file=str(project),
            key=f"tasks.{task}.data",
            problem=f"names the file {str(file)!r}, which cannot be read ({error.strerror})",
            remedy="Put the data there, or name another file; paths are relative to the project's",
        ) from error


def _rows(lines: Iterator[bytes], file: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            rule = f"the line is longer than {LONGEST_LINE} bytes"
            raise _error(file, number, rule, "Write one item per line")
        if line.strip():
            yield number, _row(file, number, line)


def _row(file: Path, number: int, line: bytes) -> Row:
    try:
        row = msgspec.json.decode(line, type=Row)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        needed = 'A line is like {"id": "1", "split": "train", "input": "…", "target": "…"}'
        raise _error(file, number, f"is not an item: {error}", needed) from None
    for name in ("id", "input", "target"):
        if not getattr(row, name).strip():
            raise _error(file, number, f"`{name}` is empty", "Fill it in, or remove the line")
    return row


def _error(file: Path, line: int, problem: str, remedy: str) -> DataError:
    return DataError(file=str(file), line=line, problem=problem, remedy=remedy)
