"""What `eval` found, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from escalera.apps import notebook
from escalera.apps.report import numerals
from escalera.core.answers import Answer
from escalera.core.evaluation import compare, correction, reliance
from escalera.core.evaluation.correction import ENOUGH, Labels
from escalera.core.evaluation.summary import Summary, summarise
from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call
from escalera.domain.dataset import Example, Examples
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.engine.measuring import Wanted

_LONGEST_REASON = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Systems on tasks; `missing` counts calls that were wanted and not made.

    `warnings` are what is to be said of the judges behind the tasks.
    """

    split: str
    summaries: tuple[Summary, ...]
    missing: int
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when everything that was wanted was asked, 3 when a cap of the budget came first."""
        return 3 if self.missing else 0

    def document(self) -> dict[str, Any]:
        """Everything as plain data; clock readings lie under `clocks`."""
        rows = []
        for entry in self.summaries:
            row = asdict(entry)
            row["clocks"] = {"seconds": row.pop("seconds")}
            rows.append(row)
        return {
            "split": self.split,
            "missing_calls": self.missing,
            "systems": rows,
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        return "\n".join([*self._table(), *self.notes()])

    def _repr_html_(self) -> str:
        head, *rows = self._cells()
        return notebook.table(head, rows) + notebook.listed(self.notes())

    def notes(self) -> tuple[str, ...]:
        """What a reader must know before the figures are believed."""
        said = []
        for entry in self.summaries:
            name = f"{entry.system} on {entry.task}"
            if entry.unscored or entry.partly:
                why = f" (most often: {_line(entry.unscored_why)})" if entry.unscored_why else ""
                said.append(
                    f"{name}: {_unscored(entry)}{why}; whatever they are worth, the mean over all "
                    f"items lies in {entry.worst:.3f} to {entry.best:.3f}"
                )
            if entry.retried and entry.first_try is not None:
                said.append(
                    f"{name}: {entry.retried} answers came after a failed try; "
                    f"without their items the mean is {entry.first_try:.3f}"
                )
            if entry.basis == "judge":
                said.append(
                    f"{name}: the figure rests on the judge alone: {entry.labels} answers have "
                    f"labels, {ENOUGH} are needed to correct it"
                )
            if entry.corrected is not None:
                true = entry.corrected
                said.append(
                    f"{name}: that is what the judge says; corrected by {entry.labels} labels it "
                    f"is {true.value:.3f} [{true.lower:.3f}, {true.upper:.3f}]"
                )
            if entry.noise is not None:
                said.append(
                    f"{name}: {entry.noise:.0%} of the squared error comes from drawing answers "
                    "only so often; the rest from the choice of items, which repeats do not lower"
                )
            if len(entry.revisions) > 1:
                said.append(
                    f"{name}: the endpoint changed while it was asked: {', '.join(entry.revisions)}"
                )
        said += self.warnings
        if self.missing:
            said.append(f"{self.missing} calls were not made: a cap of [budget] is reached")
        said.append("Each interval holds by itself; to choose between systems use `compare`.")
        return tuple(said)

    def _table(self) -> list[str]:
        rows = self._cells()
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]

    def _cells(self) -> list[tuple[str, ...]]:
        head = ("system", "task", "score", "interval", "items", "price", "time")
        rows = [head, *(_row(entry) for entry in self.summaries)]
        if all(entry.valid is None for entry in self.summaries):
            return rows
        forms = [("valid",), *((_valid(entry),) for entry in self.summaries)]
        return [(*row[:5], *form, *row[5:]) for row, form in zip(rows, forms, strict=True)]


def gather(
    project: Project, routes: Mapping[str, Route], wanted: Wanted, evidence: Evidence
) -> Evaluation:
    """The evaluation of *routes* by name, from what the evidence holds."""
    found, missing, alpha = [], 0, project.policy.alpha
    for name, route in routes.items():
        for task in wanted.tasks:
            calls = partial(replace(wanted, tasks=(task,)).calls, route, evidence)
            answers = _Answers(calls(), evidence)
            summary = summarise(name, task.name, answers, alpha=alpha)
            missing += answers.missing
            if summary is not None:
                found.append(_corrected(summary, route, task, calls(), evidence, alpha))
    return Evaluation(
        split=wanted.split,
        summaries=tuple(found),
        missing=missing,
        warnings=reliance.warnings(project, evidence, wanted.tasks),
    )


# Below: private.


def _corrected(
    entry: Summary,
    route: Route,
    task: Task,
    calls: Iterable[Call],
    evidence: Evidence,
    alpha: float,
) -> Summary:
    """*entry* with the figure that people's labels correct, where a judge scores the task."""
    labels = Labels.of(task)
    if not labels.judged:
        return entry
    has = evidence.has
    items = Examples(c.item for c in calls if c.repeat == 0 and has(c.system, c.item))
    ids = {item.id for item in items}
    others = replace(labels, golden=tuple(item for item in labels.golden if item.id not in ids))
    sample = compare.gather(evidence, items, route, None, others)
    scores = sample.scored
    basis = correction.basis(sample)
    return replace(
        entry,
        basis=basis,
        labels=correction.labelled(scores),
        corrected=scores.figure(correction.interval(scores, alpha=alpha))
        if basis == "corrected"
        else None,
    )


class _Answers:
    """The answers to calls, one by one; those that are not there, or not judged, are counted."""

    def __init__(self, calls: Iterable[Call], evidence: Evidence) -> None:
        self._calls = calls
        self._evidence = evidence
        self.missing = 0

    def __iter__(self) -> Iterator[tuple[Example, Answer]]:
        for call in self._calls:
            answer = self._answer(call)
            if answer is None:
                self.missing += 1
            else:
                yield call.item, answer

    def _answer(self, call: Call) -> Answer | None:
        key = (call.system, call.item, call.repeat)
        return None if self._evidence.awaits(*key) else self._evidence.sample(*key)


def _valid(entry: Summary) -> str:
    """The share of valid answers, and how many repairs an answer took where any did."""
    if entry.valid is None:
        return ""
    said = f"{entry.valid.value:.1%}"
    return f"{said}, {entry.repairs:.2f} repairs" if entry.repairs else said


def _line(reason: str) -> str:
    """The beginning of a reason, on one line."""
    line = " ".join(reason.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"


def _unscored(entry: Summary) -> str:
    """How many items have no score, or have none for some of their repeats."""
    some = f"{entry.partly} items have no score for some repeats"
    if not entry.unscored:
        return some
    return f"{entry.unscored} items have no score" + (f", {some}" if entry.partly else "")


def _row(entry: Summary) -> tuple[str, ...]:
    found = entry.figure
    if found is None:
        score, interval, items = "none", "", f"0 of {entry.unscored}"
    else:
        score, interval = f"{found.value:.3f}", f"[{found.lower:.3f}, {found.upper:.3f}]"
        items = str(found.n) if found.clusters == found.n else f"{found.n} in {found.clusters}"
    return (
        entry.system,
        entry.task,
        score,
        interval,
        items,
        numerals.thousand_calls(entry.micro_dollars),
        f"{entry.seconds:.3f} s",
    )
