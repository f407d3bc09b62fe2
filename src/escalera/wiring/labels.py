"""What labelling needs of a project file: the file of labels, and what a target must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from escalera.domain.judge import PREFIX
from escalera.edges import lines as grown
from escalera.edges.lines import AppendedLines
from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import InputError
from escalera.settings import data_file, project_file, scorer_table
from escalera.settings.tables import ProjectFile
from escalera.wiring import Installation, scorers


def lines(file: Path) -> AppendedLines:
    """Open a file of lines to add to it; it is made where there is none."""
    return AppendedLines(file)


def read(file: Path) -> tuple[bytes, ...]:
    """Every line of such a file, while others may be adding to it; none where there is no file."""
    return grown.read(file)


def named(project: Path, task: str | None, *, judged: bool) -> tuple[str, Path | None]:
    """The task that is meant, and the file of labels that the project names for it.

    Without *task* it is the only one (of those that a judge scores, if *judged*). Reads the project
    file alone: its data may name a file of labels that is yet to be made. Raises `InputError`.
    """
    tables = project_file.load(project, scorers=OPTIONS)
    known = [name for name in tables.tasks if not judged or _judged(tables, name)]
    if task is None:
        if len(known) != 1:
            kind = "tasks that a judge scores" if judged else "tasks"
            raise InputError(f"there are {len(known)} {kind} ({known!r}): name one with --task")
        task = known[0]
    if task not in tables.tasks:
        raise InputError(f"there is no task {task!r}: this project has {sorted(tables.tasks)!r}")
    if task not in known:
        raise InputError(
            f"the task {task!r} is scored by {tables.tasks[task].scorer!r}: answers are graded for "
            "tasks that a judge scores; choose between two systems with --pairs, or write targets "
            "with --targets"
        )
    labels = tables.tasks[task].labels
    return task, None if labels is None else project.parent / labels


def unusable(installation: Installation, task: str) -> Callable[[str], str | None]:
    """What is wrong with a target of *task*, or None: its scorer and its schema must take it."""
    tables, schema = installation.tables, installation.project.task(task).schema
    refuses: Callable[[str], str | None] = data_file.accepts
    if not _judged(tables, task):
        refuses = scorers.chosen(installation.file, tables, task).refuses

    def problem(target: str) -> str | None:
        if not target.strip():
            return "is empty"
        found = refuses(target)
        return found if found is not None or schema is None else _invalid(schema, target)

    return problem


# Below: private.


def _judged(tables: ProjectFile, task: str) -> bool:
    return scorer_table.kind(tables.tasks[task].scorer).startswith(PREFIX)


def _invalid(schema: str, target: str) -> str | None:
    from escalera.edges import schemas

    found = schemas.invalid(schema, target)
    return None if found is None else f"does not have the form of the task's schema: {found}"
