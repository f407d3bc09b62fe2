"""`data answer`: inputs without a target, answered by a system of the project."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from escalera.apps.data import filters, loading
from escalera.core.data import rows, sifting, wording, writing
from escalera.core.data.generating import Draft
from escalera.core.data.rows import Row
from escalera.core.data.sifting import Sieve
from escalera.core.evidence import fold
from escalera.domain.system import Branch, Route
from escalera.domain.task import Task
from escalera.engine.generating import Generator
from escalera.errors import InputError, MissingExtra
from escalera.ports import Progress
from escalera.wiring import Installation, data_sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be answered: the inputs in a file, for a task, by a system.

    `judge` names a judge that grades the answers, and `least` the grade that is enough.
    """

    task: str
    file: Path
    by: str
    judge: str | None = None
    least: float = 0.5
    near: float = wording.NEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How many inputs there were, how many have an answer that may be taught, and why not all."""

    inputs: int
    written: int
    reasons: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        said = ", ".join(f"{count} {rule}" for rule, count in self.reasons.items()) or "none"
        head = f"{self.written} of {self.inputs} inputs have an answer; left out: {said}"
        return "\n".join([head, *self.notes])


def run(installation: Installation, wish: Wish, into: Path, *, progress: Progress) -> Answered:
    """Write the inputs with their answers to *into*, and what was left out beside it.

    Raises `InputError` kin for unknown names, for rows that are more than an input, and where
    what is read would be written over, and `MissingExtra` without the extra `data`: the guard
    against leaks needs it.
    """
    task = next((one for one in installation.project.tasks if one.name == wish.task), None)
    if task is None:
        known = sorted(one.name for one in installation.project.tasks)
        raise InputError(f"there is no task {wish.task!r}: this project has {known!r}")
    sketches = data_sets.sketches(wish.near)
    if sketches is None:
        raise MissingExtra(feature="Keeping leaks out", package="rensa", extra="data")
    removed = loading.beside_project(into, installation.file, wish.file)
    asked = _inputs(wish.file)
    sieve = Sieve(kept=[Draft(input=text) for text in asked])
    items = [item for one in installation.project.tasks for item in one.examples]
    found = sifting.alike(sieve.kept, items, sketches=sketches, near=wish.near)
    sieve.sort("duplicate or leak", found)
    panel = filters.panel(installation, wish.judge, task)
    with closing(installation.journal()) as journal:
        evidence = fold(journal.events())
        system = filters.system(installation, evidence, wish.by, task)
        route = Route(branches=(Branch(task=task.name, system=system),))
        means = installation.means(journal, evidence, [route], progress)
        generator = Generator(installation.project, means)
        capped = filters.answers(sieve, generator, system, task)
        filters.contract(sieve, installation, task)
        if panel is not None:
            capped |= filters.judge(sieve, generator, panel, task, least=wish.least)
    written = data_sets.write_some(into, [_row(asked[d.input], d, wish) for d in sieve.kept])
    gone = ({**asdict(one.draft), "rule": one.rule, "found": one.found} for one in sieve.gone)
    data_sets.write_lines(removed, gone)
    return Answered(
        inputs=len(asked),
        written=written,
        reasons=sieve.reasons(),
        notes=(
            *(() if written else (loading.NOTHING,)),
            *_notes(removed, task, capped=capped, judged=panel is not None),
        ),
    )


# Below: private.


def _inputs(file: Path) -> dict[str, Row]:
    """The rows of a file by what they ask, each once."""
    found: dict[str, Row] = {}
    names: dict[str, int] = {}
    for placed in loading.read(data_sets.source(file), asked_only=True):
        for row in placed.rows:
            if row.history or row.fields or row.split not in (None, "train"):
                raise InputError(
                    f"{placed.file}, {placed.place}: has turns, fields or another split than "
                    "train: an input that is answered here is a text by itself, and teaches"
                )
            found.setdefault(row.input, replace(row, name=rows.name_of(row, names)))
    if not found:
        raise InputError(f"{file} holds no inputs")
    return found


def _row(asked: Row, draft: Draft, wish: Wish) -> dict[str, Any]:
    source = ", ".join(part for part in (asked.source, f"answered by {wish.by}") if part)
    row = replace(asked, split="train", target=draft.target, source=source)
    return writing.document(row, name=row.name)


def _notes(removed: Path, task: Task, *, capped: bool, judged: bool) -> tuple[str, ...]:
    said = [f"what was left out, and why, is in {removed}"]
    if not judged and task.schema is None:
        said.append(
            "no judge and no schema held the answers to account: look at some before they teach"
        )
    if capped:
        said.append("a cap of [budget] was reached: raise it and run this again")
    return tuple(said)
