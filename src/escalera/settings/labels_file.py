"""Reading files of labels: what people gave answers, one answer per line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from escalera.domain.judge import Label, Scale
from escalera.errors import DataError, ProjectError


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a file of labels; keys that are not listed here are ignored."""

    item: str
    reply: str
    labels: list[float] = []
    probability: float = 1.0


def load(
    file: Path, *, task: str, project: Path, items: Iterable[str], scale: Scale
) -> tuple[Label, ...]:
    """Every labelled answer of the file that *project* names for *task*, in the file's order.

    `items` are the ids of the task's items and `scale` the grades that labels are given on. A line
    whose `labels` are empty is a form that nobody has filled in yet: it is passed over. Raises
    `ProjectError` for a file that cannot be read, and `DataError` for a line that is no label, for
    an unknown item, for a label off the scale, and for an answer that comes twice.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ProjectError(
            file=str(project),
            key=f"tasks.{task}.labels",
            problem=f"names the file {str(file)!r}, which cannot be read ({error.strerror})",
            remedy="Put labels there, or name another file; paths are relative to the project's",
        ) from error
    known = frozenset(items)
    seen: dict[tuple[str, str], int] = {}
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _row(file, number, line)
        item = f"{task}/{row.item}"
        if item not in known:
            rule = f"the item {row.item!r} is not in the task's data"
            raise _error(file, number, rule, "Give the `id` of an item")
        before = seen.setdefault((item, row.reply), number)
        if before != number:
            rule = f"the same reply to {row.item!r} is on line {before}"
            raise _error(file, number, rule, "Put all labels of an answer in one list")
        if row.labels:
            found.append(_label(file, number, row, item, scale))
    return tuple(found)


# Below: private.


def _row(file: Path, number: int, line: bytes) -> Row:
    try:
        return msgspec.json.decode(line, type=Row)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        needed = 'A line is like {"item": "1", "reply": "…", "labels": [3, 4]}'
        raise _error(file, number, f"is not a label: {error}", needed) from None


def _label(file: Path, number: int, row: Row, item: str, scale: Scale) -> Label:
    for label in row.labels:
        if not scale.lowest <= label <= scale.highest:
            rule = f"the label {label:g} is off the scale"
            remedy = f"Give a number from {scale.lowest} to {scale.highest}"
            raise _error(file, number, rule, remedy)
    if not 0 < row.probability <= 1:
        rule = f"the probability {row.probability:g} is out of range"
        raise _error(file, number, rule, "Give the chance above 0 that the answer was labelled")
    return Label(
        item=item,
        reply=row.reply,
        scores=tuple(scale.place(label) for label in row.labels),
        probability=row.probability,
    )


def _error(file: Path, line: int, problem: str, remedy: str) -> DataError:
    return DataError(file=str(file), line=line, problem=problem, remedy=remedy)
