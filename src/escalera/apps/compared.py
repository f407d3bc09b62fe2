"""What `compare` found: a table by query type, a gate for pipelines, and JUnit for those who show
it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from xml.etree import ElementTree as ET

from escalera.apps import notebook
from escalera.core.evaluation import compare, missing, outlay, reliance
from escalera.core.evaluation.contrast import (
    EXIT_CODES,
    Asked,
    Contrast,
    contrast,
    overall,
)
from escalera.core.evaluation.correction import ENOUGH, Labels
from escalera.core.evaluation.outlay import WARM_UP, Outlay
from escalera.core.evidence import Evidence
from escalera.core.ladder import naming
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.verdict import Figure, Gate, Mode
from escalera.engine.comparing import Compared
from escalera.errors import EvidenceMissing

FIXED_SAMPLE = (
    "A fixed-sample reading, not a verdict: it does not hold when it is read again and again as "
    "items arrive."
)
ANYTIME = (
    "Holds whenever it is read and whyever it stopped: clusters enter whole, in an order that was "
    "fixed before there were results, and intervals hold at all times together."
)
FINITE = (
    "About this data set only: it agrees with the verdict on the full set of its items but for the "
    "error that was accepted, and does not say what other items would show."
)
OUTLAYS = (
    "Cost and latency are for information and decide nothing; each interval holds by itself, "
    "whenever it is read. Latency depends on the load when it was measured."
)
LOOKS = (
    "Read at looks whose number and shares were fixed before: intervals hold at all of them "
    "together, though it stopped as soon as the question was settled."
)
How = Literal["fixed-sample", "group-sequential", "anytime", "finite"]
"""How a comparison was read: once at fixed n, or in a mode."""

READINGS: Mapping[How, str] = {
    "fixed-sample": FIXED_SAMPLE,
    "group-sequential": LOOKS,
    "anytime": ANYTIME,
    "finite": FINITE,
}
"""How the figures may be used."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Signs that XML cannot hold, escaped or not."""

_WORDS: Mapping[Gate, str] = {
    "passed": "no task falls by its margin or more",
    "undecided": "not enough evidence that no task falls by its margin or more",
    "regressed": "a fall by more than the margin is shown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two systems on common items, task by task, and what both took: money and time.

    `unread` are tasks of which nothing was read: they keep the gate from being passed.
    """

    candidate: str
    incumbent: str
    tasks: tuple[Contrast, ...]
    notes: tuple[str, ...] = ()
    mode: How = "fixed-sample"
    outlays: tuple[Outlay, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def reading(self) -> str:
        """How the figures may be used."""
        return READINGS[self.mode]

    @property
    def gate(self) -> Gate:
        """Whether it is shown, over all tasks, that the candidate does not fall."""
        found = overall(self.tasks)
        return "undecided" if found == "passed" and self.unread else found

    @property
    def exit_code(self) -> int:
        """0 passed, 3 not enough evidence, 4 a fall was shown."""
        return EXIT_CODES[self.gate]

    def __str__(self) -> str:
        lines = [f"  {line}" for line in (*self._lines(), *self._remarks())]
        return "\n".join([f"{self._title()}: {_WORDS[self.gate]}", *lines])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{notebook.escaped(note)}</p>" for note in self._remarks())
        title = notebook.escaped(f"{self._title()}: {_WORDS[self.gate]}")
        return f"<p><strong>{title}</strong></p>{notebook.listed(self._lines())}{notes}"

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "candidate": self.candidate,
            "incumbent": self.incumbent,
            "gate": self.gate,
            "exit_code": self.exit_code,
            "mode": self.mode,
            "reading": self.reading,
            "tasks": [asdict(row) | {"word": row.word} for row in self.tasks],
            "unread": list(self.unread),
            "outlays": [asdict(row) for row in self.outlays],
            "notes": list(self._remarks()),
        }

    def junit(self) -> str:
        """A JUnit suite with a case per task: a fall is a failure, an open gate is skipped."""
        suite = ET.Element(
            "testsuite",
            name=f"escalera compare: {self._title()}",
            tests=str(len(self.tasks) + len(self.unread)),
            failures=str(sum(row.gate == "regressed" for row in self.tasks)),
            skipped=str(sum(row.gate == "undecided" for row in self.tasks) + len(self.unread)),
            errors="0",
        )
        properties = ET.SubElement(suite, "properties")
        notes = [("note", note) for note in self.notes]
        for name, value in (("mode", self.mode), ("reading", self.reading), *notes):
            ET.SubElement(properties, "property", name=name, value=value)
        for row, line in zip(self.tasks, map(_line, self.tasks), strict=True):
            case = ET.SubElement(suite, "testcase", classname="escalera.compare", name=row.task)
            if row.gate == "regressed":
                ET.SubElement(case, "failure", type="regressed", message=line)
            elif row.gate == "undecided":
                ET.SubElement(case, "skipped", message=line)
            ET.SubElement(case, "system-out").text = line
        for task in self.unread:
            case = ET.SubElement(suite, "testcase", classname="escalera.compare", name=task)
            ET.SubElement(case, "skipped", message=_unread(task))
        text = ET.tostring(suite, encoding="unicode", xml_declaration=True)
        return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)

    def _title(self) -> str:
        about = " (about this data set)" if self.mode == "finite" else ""
        return f"{self.candidate} against {self.incumbent}{about}"

    def _lines(self) -> list[str]:
        return [*map(_line, self.tasks), *map(_unread, self.unread), *map(_outlay, self.outlays)]

    def _remarks(self) -> tuple[str, ...]:
        judged = [
            f"{row.task}: the difference rests on the judge alone: {self._why(row)}"
            for row in self.tasks
            if row.basis == "judge"
        ]
        missing = [
            f"{row.task}: {_lacking(row)}; whatever they are worth, the difference over all items "
            f"lies in {row.worst:+.3f} to {row.best:+.3f}"
            for row in self.tasks
            if row.unscored or row.partly
        ]
        measured = (OUTLAYS,) if self.outlays else ()
        return (*judged, *missing, *self.notes, *measured, self.reading)

    def _why(self, row: Contrast) -> str:
        """Why no labels correct a judge."""
        if self.mode not in ("anytime", "finite"):
            return f"{row.labels} items have labels of both answers, {ENOUGH} are needed"
        return (
            f"in the mode {self.mode} labels correct nothing ({row.labels} items have labels of "
            f"both answers); group-sequential corrects it from {ENOUGH} on"
        )


def line(found: Comparison, task: str) -> str:
    """One task in a sentence, and what is to be said of its items; KeyError for none."""
    for row in found.tasks:
        if row.task == task:
            about = [note for note in found.notes if note.startswith(f"{task}: ")]
            return "; ".join([_line(row), *(note.removeprefix(f"{task}: ") for note in about)])
    raise KeyError(task)


def once(
    project: Project,
    evidence: Evidence,
    candidate: str,
    incumbent: str,
    routes: Mapping[str, Route],
    *,
    common: bool = False,
) -> Comparison:
    """Two systems by name at fixed n, on what both have answered; *routes* are theirs.

    A task that the candidate may change, and that holds none of it, is unread, unless only what is
    in *common* is asked for. Raises `EvidenceMissing` where nothing is.
    """
    left, right, alpha = routes[candidate], routes[incumbent], project.policy.alpha
    concerned = [task.name for task in naming.concerned(candidate, project, evidence)]
    asked = [
        Asked(
            task=task.name,
            margin=task.margin,
            sample=compare.common(evidence, task.items("confirm"), left, right, Labels.of(task)),
        )
        for task in project.tasks
    ]
    found = contrast(asked, alpha=alpha)
    if not found:
        raise nothing_in_common(candidate, incumbent, "group-sequential")
    share = alpha / len(found)
    outlays: list[Outlay] = []
    for task in project.tasks:
        items = task.items("confirm")
        planned = len({*items.clusters()})
        outlays += outlay.of_routes(evidence, items, left, right, alpha=share, planned=planned)
    return Comparison(
        candidate=candidate,
        incumbent=incumbent,
        tasks=found,
        notes=reliance.warnings(project, evidence),
        outlays=tuple(outlays),
        unread=() if common else _without_row(concerned, found),
    )


def nothing_in_common(candidate: str, incumbent: str, mode: Mode) -> EvidenceMissing:
    """What is raised where there is nothing to compare and nothing is to be bought."""
    option = "" if mode == "group-sequential" else f" --mode {mode}"
    beginning = " at the beginning of the order that --mode reads" if option else ""
    return EvidenceMissing(
        f"{candidate!r} and {incumbent!r} have no scored `confirm` items in common{beginning}: "
        f"`escalera compare {candidate} {incumbent}{option} --buy` asks what it needs"
    )


def of_found(
    candidate: str,
    incumbent: str,
    found: Compared,
    *,
    mode: Mode,
    warnings: Sequence[str] = (),
    common: bool = False,
) -> Comparison:
    """A comparison of systems in a mode: the last look of every task, or where its reading is.

    `warnings` are what is to be said of the judges behind the tasks. With *common*, a task of which
    nothing was read holds nothing back.
    """
    words = "its last look was at" if mode == "group-sequential" else "read at"
    used = [f"{task}: {words} {share:.0%} of the items" for task, share in found.shares]
    cut = [
        f"{task}: a cap of [budget] came before its next look; the gate stays open"
        for task in found.open
    ]
    wanted = [f"{task}: {missing.words(needed)}" for task, needed in found.missing]
    return Comparison(
        candidate=candidate,
        incumbent=incumbent,
        tasks=found.tasks,
        notes=(*warnings, *used, *cut, *wanted),
        mode=mode,
        outlays=found.outlays,
        unread=() if common else found.unread,
    )


# Below: private.


def _without_row(tasks: Sequence[str], found: Sequence[Contrast]) -> tuple[str, ...]:
    rows = {row.task for row in found}
    return tuple(task for task in tasks if task not in rows)


def _line(row: Contrast) -> str:
    change = row.difference
    items = f"{change.n} items"
    if change.clusters != change.n:
        items += f" in {change.clusters} clusters"
    return (
        f"{row.task}: {row.word}{_about(row)}; {row.candidate.value:.3f} against "
        f"{row.incumbent.value:.3f}, difference {change.value:+.3f} "
        f"[{change.lower:+.3f}, {change.upper:+.3f}], margin {row.margin:.3f}, on {items}; "
        f"{_p(row)}{_turned(row.gained)} gained, {_turned(row.lost)} lost{_alone(row)}"
    )


def _unread(task: str) -> str:
    return f"{task}: inconclusive; no item has a score of both, so the gate stays open"


def _lacking(row: Contrast) -> str:
    """How many items lack a score, or that of some of their repeats."""
    some = f"{row.partly} items lack the scores of some repeats"
    if not row.unscored:
        return some
    return f"{row.unscored} items lack a score" + (f", {some}" if row.partly else "")


def _turned(share: Figure) -> str:
    return f"{share.value:.1%} [{share.lower:.1%}, {share.upper:.1%}]"


def _alone(row: Contrast) -> str:
    """That it is by a judge alone; what that one says, where people's labels correct it."""
    found = row.judge
    if found is None:
        return "; by the judge alone" if row.basis == "judge" else ""
    return (
        f"; corrected by {row.labels} labels, the judge alone says {found.value:+.3f} "
        f"[{found.lower:+.3f}, {found.upper:+.3f}]"
    )


def _about(row: Contrast) -> str:
    """Whose verdict it is, where it is that of one data set."""
    if row.population is None:
        return ""
    if row.gate == "undecided":
        return f" about the full set of {row.population} items"
    return f", agrees with the verdict on the full set of {row.population} items"


def _outlay(row: Outlay) -> str:
    unit, sign = (" per 1,000 calls", "$") if row.measure == "cost" else (" s per call", "")
    line = (
        f"{row.task}: {row.measure} {sign}{row.candidate:.4f} against {sign}{row.incumbent:.4f}"
        f"{unit}, difference {row.difference:+.4f} "
    )
    if row.lower is None or row.upper is None:
        steps = "items" if row.clusters == row.n else "clusters"
        return f"{line}on {row.n} items; no interval before {WARM_UP} {steps}"
    return f"{line}[{row.lower:+.4f}, {row.upper:+.4f}] on {row.n} items"


def _p(row: Contrast) -> str:
    return "" if row.p_holm is None else f"p (Holm) {row.p_holm:.2g}; "
