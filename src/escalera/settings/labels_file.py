"""Reading files of labels: what people gave answers.

A line holds all labels of an answer (`labels`), or one label of one named person (`label`, `by`),
as `escalera label` adds them: of each person the last line counts, and a label of null takes the
earlier one back. Both may stand in one file.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import UNSET, UnsetType

from escalera.core.data import appended
from escalera.domain.judge import Label, Order, Scale
from escalera.errors import DataError, ProjectError


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a file of labels; keys that are not listed here are ignored."""

    item: str
    reply: str
    labels: list[float] = []
    label: float | UnsetType | None = UNSET
    by: str = ""
    order: Order | None = None
    probability: float | None = None

    @property
    def given(self) -> list[float]:
        """The labels of this line."""
        return self.labels if self.label is UNSET or self.label is None else [self.label]


def load(
    file: Path, *, task: str, project: Path, items: Iterable[str], scale: Scale
) -> tuple[Label, ...]:
    """Every labelled answer of the file that *project* names for *task*, in the file's order.

    `items` are the ids of the task's items and `scale` the grades that labels are given on. A line
    whose `labels` are empty is a form that nobody has filled in yet: it is passed over, and so is
    what a kill left of a last line. Raises
    `ProjectError` for a file that cannot be read, and `DataError` for a line that is no label, for
    an unknown item, for a label off the scale, and for an answer whose `labels` come twice.
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ProjectError(
            file=str(project),
            key=f"tasks.{task}.labels",
            problem=f"names the file {str(file)!r}, which cannot be read ({error.strerror})",
            remedy="Put labels there (`escalera label` begins with an empty file), or name another "
            "file; paths are relative to the project's",
        ) from error
    known = frozenset(items)
    answers: dict[tuple[str, str], _Answer] = {}
    for number, row in rows(file, appended.whole(text).splitlines(), scale=scale):
        item = f"{task}/{row.item}"
        if item not in known:
            rule = f"the item {row.item!r} is not in the task's data"
            raise _error(file, number, rule, "Give the `id` of an item")
        answers.setdefault((item, row.reply), _Answer()).add(file, number, row)
    return tuple(
        Label(
            item=item,
            reply=reply,
            scores=tuple(scale.place(label) for label in answer.labels),
            probability=answer.probability,
        )
        for (item, reply), answer in answers.items()
        if answer.labels
    )


def rows(file: Path, lines: Iterable[bytes], *, scale: Scale) -> Iterator[tuple[int, Row]]:
    """The *lines* of the file with their numbers, checked one by one. Raises `DataError`."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _row(file, number, line.removeprefix(BOM_UTF8), scale)


# Below: private.


@dataclass(slots=True)
class _Answer:
    """What the lines of one answer hold; `line` is that of its `labels`."""

    together: list[float] = field(default_factory=list)
    single: dict[str, float] = field(default_factory=dict)
    line: int | None = None
    probability: float = 1.0

    @property
    def labels(self) -> list[float]:
        return [*self.together, *self.single.values()]

    def add(self, file: Path, number: int, row: Row) -> None:
        if row.probability is not None:
            self.probability = row.probability
        if row.label is UNSET:
            if self.line is not None:
                rule = f"the same reply to {row.item!r} is on line {self.line}"
                raise _error(file, number, rule, "Put all labels of an answer in one list")
            self.line, self.together = number, row.labels
        elif row.label is None:
            self.single.pop(row.by, None)
        else:
            self.single[row.by] = row.label


def _row(file: Path, number: int, line: bytes, scale: Scale) -> Row:
    try:
        row = msgspec.json.decode(line, type=Row)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        needed = 'A line is like {"item": "1", "reply": "…", "labels": [3, 4]}'
        raise _error(file, number, f"is not a label: {error}", needed) from None
    if row.label is not UNSET and (row.labels or not row.by):
        rule = "`label` is of one person, whom `by` names, and stands without `labels`"
        raise _error(file, number, rule, "Name the person, or use `labels` alone")
    for label in row.given:
        if not scale.lowest <= label <= scale.highest:
            rule = f"the label {label:g} is off the scale"
            remedy = f"Give a number from {scale.lowest} to {scale.highest}"
            raise _error(file, number, rule, remedy)
    if row.probability is not None and not 0 < row.probability <= 1:
        rule = f"the probability {row.probability:g} is out of range"
        raise _error(file, number, rule, "Give the chance above 0 that the answer was labelled")
    return row


def _error(file: Path, line: int, problem: str, remedy: str) -> DataError:
    return DataError(file=str(file), line=line, problem=problem, remedy=remedy)
