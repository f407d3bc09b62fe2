"""What `compare` found: a table by query type, a gate for pipelines, and JUnit for those who show
it."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree as ET

from escalera.core.evaluation.contrast import (
    EXIT_CODES,
    Asked,
    Contrast,
    Gate,
    contrast,
    overall,
)
from escalera.core.evaluation.correction import ENOUGH
from escalera.core.evaluation.sample import Row, Sample
from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.engine.comparing import Compared
from escalera.errors import EvidenceMissing, InputError

FIXED_SAMPLE = (
    "A fixed-sample reading, not a verdict: it does not hold when it is read again and again as "
    "items arrive."
)
LOOKS = (
    "Read at looks whose number and shares were fixed before: intervals hold at all of them "
    "together, though it stopped as soon as the question was settled."
)
CHOICE = "::"
"""Stands between a file of scores and the system in it."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Signs that XML cannot hold, escaped or not."""

_WORDS: Mapping[Gate, str] = {
    "passed": "no task falls by its margin or more",
    "undecided": "not enough evidence that no task falls by its margin or more",
    "regressed": "a fall by more than the margin is shown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two systems on common items, task by task; `reading` says how the figures may be used."""

    candidate: str
    incumbent: str
    tasks: tuple[Contrast, ...]
    notes: tuple[str, ...] = ()
    reading: str = FIXED_SAMPLE

    @property
    def gate(self) -> Gate:
        """Whether it is shown, over all tasks, that the candidate does not fall."""
        return overall(self.tasks)

    @property
    def exit_code(self) -> int:
        """0 passed, 3 not enough evidence, 4 a fall was shown."""
        return EXIT_CODES[self.gate]

    def __str__(self) -> str:
        lines = [f"  {line}" for line in (*self._lines(), *self._remarks())]
        return "\n".join([f"{self._title()}: {_WORDS[self.gate]}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{html.escape(line)}</li>" for line in self._lines())
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._remarks())
        title = html.escape(f"{self._title()}: {_WORDS[self.gate]}")
        return f"<p><strong>{title}</strong></p><ul>{rows}</ul>{notes}"

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "candidate": self.candidate,
            "incumbent": self.incumbent,
            "gate": self.gate,
            "exit_code": self.exit_code,
            "tasks": [asdict(row) for row in self.tasks],
            "notes": list(self._remarks()),
        }

    def junit(self) -> str:
        """A JUnit suite with a case per task: a fall is a failure, an open gate is skipped."""
        suite = ET.Element(
            "testsuite",
            name=f"escalera compare: {self._title()}",
            tests=str(len(self.tasks)),
            failures=str(sum(row.gate == "regressed" for row in self.tasks)),
            skipped=str(sum(row.gate == "undecided" for row in self.tasks)),
            errors="0",
        )
        for row, line in zip(self.tasks, self._lines(), strict=True):
            case = ET.SubElement(suite, "testcase", classname="escalera.compare", name=row.task)
            if row.gate == "regressed":
                ET.SubElement(case, "failure", type="regressed", message=line)
            elif row.gate == "undecided":
                ET.SubElement(case, "skipped", message=line)
            ET.SubElement(case, "system-out").text = line
        text = ET.tostring(suite, encoding="unicode", xml_declaration=True)
        return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)

    def _title(self) -> str:
        return f"{self.candidate} against {self.incumbent}"

    def _lines(self) -> list[str]:
        return [_line(row) for row in self.tasks]

    def _remarks(self) -> tuple[str, ...]:
        judged = [
            f"{row.task}: the difference rests on the judge alone: {row.labels} items have labels "
            f"of both answers, {ENOUGH} are needed"
            for row in self.tasks
            if row.basis == "judge"
        ]
        missing = [
            f"{row.task}: {row.unscored} common items lack a score; whatever they are worth, the "
            f"difference over all items lies in {row.worst:+.3f} to {row.best:+.3f}"
            for row in self.tasks
            if row.unscored
        ]
        return (*judged, *missing, *self.notes, self.reading)


def of_tables(
    candidate: tuple[str, ScoreTable],
    incumbent: tuple[str, ScoreTable],
    *,
    margin: float,
    alpha: float,
) -> Comparison:
    """Compare two named tables of scores; a name is `FILE` or `FILE::SYSTEM`.

    Items are paired by task and item; of repeats the mean counts. Raises `InputError` where a
    table holds several systems and none is named, `EvidenceMissing` where nothing is in common.
    """
    left, right = _items(*candidate), _items(*incumbent)
    asked, notes = [], [*candidate[1].notes, *incumbent[1].notes]
    for task in dict.fromkeys(name for name, _ in left):
        mine = {item for name, item in left if name == task}
        theirs = {item for name, item in right if name == task}
        rows = [
            Row(
                candidate=_mean(left[task, item]),
                incumbent=_mean(right[task, item]),
                cluster=left[task, item][0].cluster,
            )
            for item in sorted(mine & theirs)
        ]
        if mine ^ theirs:
            notes.append(f"{task}: {len(mine ^ theirs)} items are in one of the two only")
        asked.append(Asked(task=task, margin=margin, sample=Sample(rows=tuple(rows), paired=True)))
    found = contrast(asked, alpha=alpha)
    if not found:
        raise EvidenceMissing(
            f"{candidate[0]} and {incumbent[0]} have no scored items in common: they must have the "
            f"same tasks ({', '.join(candidate[1].tasks)}) and names of items"
        )
    return Comparison(
        candidate=candidate[0],
        incumbent=incumbent[0],
        tasks=found,
        notes=tuple(dict.fromkeys(notes)),
    )


def at_looks(candidate: str, incumbent: str, found: Compared) -> Comparison:
    """A comparison that stopped as soon as each task was settled."""
    used = [
        f"{task}: its last look was at {share:.0%} of the items" for task, share in found.shares
    ]
    cut = [
        f"{task}: a cap of [budget] came before its next look; the gate stays open"
        for task in found.open
    ]
    return Comparison(
        candidate=candidate,
        incumbent=incumbent,
        tasks=found.tasks,
        notes=(*used, *cut),
        reading=LOOKS,
    )


# Below: private.


def _items(name: str, table: ScoreTable) -> dict[tuple[str, str], list[ScoreRow]]:
    """The rows of the system that *name* means, by task and item."""
    _, _, system = name.partition(CHOICE)
    if system not in table.systems and (system or len(table.systems) != 1):
        raise InputError(
            f"{name}: there are the systems {', '.join(map(repr, table.systems))}. "
            f"Name one of them as FILE{CHOICE}SYSTEM"
        )
    found: dict[tuple[str, str], list[ScoreRow]] = {}
    for row in table.rows:
        if row.system == (system or table.systems[0]):
            found.setdefault((row.task, row.item), []).append(row)
    return found


def _mean(rows: Sequence[ScoreRow]) -> float | None:
    scores = [row.score for row in rows if row.score is not None]
    return math.fsum(scores) / len(scores) if scores else None


def _line(row: Contrast) -> str:
    change = row.difference
    items = f"{change.n} items"
    if change.clusters != change.n:
        items += f" in {change.clusters} clusters"
    return (
        f"{row.task}: {row.gate} ({row.verdict}); {row.candidate.value:.3f} against "
        f"{row.incumbent.value:.3f}, difference {change.value:+.3f} "
        f"[{change.lower:+.3f}, {change.upper:+.3f}], margin {row.margin:.3f}, on {items}; "
        f"{_p(row)}{row.wrong_to_right:.1%} gained, {row.right_to_wrong:.1%} lost{_alone(row)}"
    )


def _alone(row: Contrast) -> str:
    """What the judge alone says, where people's labels correct it."""
    if row.judge is None:
        return ""
    found = row.judge
    return (
        f"; corrected by {row.labels} labels, the judge alone says {found.value:+.3f} "
        f"[{found.lower:+.3f}, {found.upper:+.3f}]"
    )


def _p(row: Contrast) -> str:
    return "" if row.p_holm is None else f"p (Holm) {row.p_holm:.2g}; "
