"""Files that commands write where their callers say: over an earlier one of the kind, or anew.

A wrong name must not cost what nobody can make again: a project file, data, labels, the journal. So
a file that begins like nothing that the command writes is left alone, and so is what a project
names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import InputError
from escalera.settings import data_tables, project_file
from escalera.settings.tables import TaskTable

_READ = 512
"""Bytes that tell what a file is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputKind:
    """What a command writes: in words, and how it begins, without regard to case and blank lines.

    Without a beginning there is no earlier one that may be written over.
    """

    what: str
    begins: tuple[str, ...] = ()


PAGE = OutputKind(what="a page", begins=("<!doctype html",))
JUNIT = OutputKind(what="a JUnit file", begins=("<?xml",))
ROWS = OutputKind(what="rows as JSON lines", begins=('{"',))
RECORDS = OutputKind(what="a JSON list of records", begins=("[{", "[]"))
SCORES = OutputKind(
    what="scores", begins=('{"', "system,", "system\t", "PAR1", "SQLite format 3\x00")
)
FORM = OutputKind(what="a new file of labels")


def require(file: Path, kind: OutputKind, *, project: Path | None = None) -> None:
    """Raise `InputError` where writing *kind* to *file* would cost something else.

    With *project*, also where that project file names it, or keeps its state there.
    """
    if project is not None:
        require_apart(project, file)
    if not file.is_file() or _fits(file, kind):
        return
    raise InputError(
        f"{str(file)!r} holds something, and not {kind.what} of an earlier run: it would be lost. "
        "Name another file, or move that one away."
    )


def require_apart(project: Path, *files: Path | None) -> None:
    """Raise `InputError` where one of *files* is part of *project*: named, or in its state."""
    project = project / "escalera.toml" if project.is_dir() else project
    tables, where = project_file.load(project, scorers=OPTIONS), project.parent.resolve()
    state = (where / tables.project.state).resolve()
    named = {project.resolve()}
    for table in tables.tasks.values():
        named.update(one.resolve() for one in _named(table, project))
    for file in files:
        found = None if file is None else file.resolve()
        if found is None:
            continue
        if (found in named and found.exists()) or state in (found, *found.parents):
            raise InputError(
                f"{str(file)!r} is part of the project {str(project)!r}, and would be lost: name "
                "another file"
            )


def write(file: Path, text: str, kind: OutputKind, *, project: Path | None = None) -> None:
    """Write *text*, which is *kind*, to *file*.

    Raises `InputError` as `require` does, and where there is no writing.
    """
    require(file, kind, project=project)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{str(file)!r} cannot be written: {error.strerror or error}. "
            "Name a file in a folder that exists and that you may write to."
        ) from error


# Below: private.


def _fits(file: Path, kind: OutputKind) -> bool:
    """Whether it is empty, or begins like the kind; what cannot be read is told by the writing."""
    try:
        with file.open("rb") as stream:
            begin = stream.read(_READ)
    except OSError:
        return True
    text = begin.decode("utf-8", "replace").removeprefix("\ufeff").lstrip().lower()
    return not begin or text.startswith(tuple(one.lower() for one in kind.begins))


def _named(table: TaskTable, project: Path) -> Iterable[Path]:
    """The files of a task: data, labels, schema, prompts."""
    yield from (one.file for one in data_tables.sources(table, project))
    others = (table.labels, table.schema, *table.prompt.files)
    yield from (project.parent / one for one in others if one is not None)
