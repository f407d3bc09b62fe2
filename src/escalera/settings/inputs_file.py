"""Reading inputs whose targets people write, and making rows of a data file of them.

A line is one of a data file, in which `target` and `split` may be missing.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from escalera.core.data.rows import SPLIT_NAMES
from escalera.domain.dataset import Example, Split
from escalera.domain.identity import canonical
from escalera.domain.message import Message
from escalera.errors import DataError, InputError

NEW: Split = "train"
"""What a row without a split is for."""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A turn of the conversation before the input."""

    role: Literal["user", "assistant"]
    content: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line; keys that are not listed here are kept and not shown.

    What says nothing may be null, and ids may be whole numbers, as in a data file.
    """

    id: str | int
    input: str
    split: str | None = None
    target: str | None = None
    cluster: str | int | None = None
    history: tuple[Turn, ...] = ()
    fields: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The items of a file, whose targets may be empty, and its lines as they stand."""

    items: tuple[Example, ...]
    lines: tuple[Mapping[str, Any], ...]

    def rows(self, targets: Mapping[str, str]) -> str:
        """The lines that have a target by the item's id in *targets*, as text of a data file."""
        return "".join(
            json.dumps(
                {**line, "split": item.split, "target": targets[item.id]}, ensure_ascii=False
            )
            + "\n"
            for item, line in zip(self.items, self.lines, strict=True)
            if item.id in targets
        )


def load(file: Path, *, task: str) -> Inputs:
    """Every input of *file*, as items of *task*, in the file's order.

    Raises `InputError` for a file that cannot be read or is empty, `DataError` for a line that is
    no input, and for an id that comes twice.
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{str(file)!r} cannot be read ({error.strerror}): name a file of inputs, one JSON "
            "object per line"
        ) from error
    items: dict[str, Example] = {}
    lines = []
    for number, line in enumerate(text.removeprefix(BOM_UTF8).splitlines(), start=1):
        if not line.strip():
            continue
        item = _item(file, number, line, task)
        if item.id in items:
            problem, remedy = f"the id {_id(item)!r} comes twice", "Give every input an id"
            raise DataError(file=str(file), line=number, problem=problem, remedy=remedy)
        items[item.id] = item
        lines.append(json.loads(line))
    if not items:
        raise InputError(f"{str(file)!r} holds no inputs: add a JSON object per line")
    return Inputs(items=tuple(items.values()), lines=tuple(lines))


# Below: private.


def _item(file: Path, number: int, line: bytes, task: str) -> Example:
    try:
        row = msgspec.json.decode(line, type=Row)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(
            file=str(file),
            line=number,
            problem=f"is not an input: {error}",
            remedy='A line is like {"id": "1", "input": "…"}',
        ) from None
    for name in ("id", "input"):
        if not str(getattr(row, name)).strip():
            problem, remedy = f"`{name}` is empty", "Fill it in, or remove the line"
            raise DataError(file=str(file), line=number, problem=problem, remedy=remedy)
    split = SPLIT_NAMES.get(row.split) if row.split else NEW
    if split is None:
        problem = f"is not an input: `split` is {row.split!r}, not one of {', '.join(SPLIT_NAMES)}"
        raise DataError(file=str(file), line=number, problem=problem, remedy="Use one of them")
    name = f"{task}/{row.id}"
    return Example(
        id=name,
        task=task,
        split=split,
        input=row.input,
        target=row.target or "",
        cluster=name if row.cluster in (None, "") else str(row.cluster),
        history=tuple(Message(role=t.role, content=t.content) for t in row.history),
        fields=_fields(file, number, row.fields),
    )


def _fields(file: Path, line: int, found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    for name in found:
        if not name.isidentifier() or name == "input":
            problem = f"the field {name!r} cannot be used in a template"
            remedy = "Give it a plain name that is not `input`"
            raise DataError(file=str(file), line=line, problem=problem, remedy=remedy)
    return tuple((name, canonical(found[name]).decode()) for name in sorted(found))


def _id(item: Example) -> str:
    return item.id.removeprefix(f"{item.task}/")
