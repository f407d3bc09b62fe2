"""Which files hold the items of a task, and what is said of all rows of a file.

A file `NAME.toml` beside a data file NAME says it wherever the file is used; what the project file
says goes before it, and what a row says of itself before both.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from escalera.core.data.rows import MEANINGS, Defaults
from escalera.errors import DataError
from escalera.settings.data_file import Source
from escalera.settings.tables import DataTable, RowsTable, TaskTable


def sources(table: TaskTable, project: Path) -> tuple[Source, ...]:
    """The files that *project* names for a task. Raises `DataError` for a wrong note beside one."""
    if isinstance(table.data, str):
        return (source(project.parent / table.data),)
    named = [table.data] if isinstance(table.data, DataTable) else table.data
    return tuple(source(project.parent / entry.file, entry) for entry in named)


def source(file: Path, said: RowsTable | None = None) -> Source:
    """A data file with what is said of its rows, here and in the note beside it."""
    said, note = said or RowsTable(), _note(file)
    return Source(
        file=file,
        defaults=Defaults(
            split=said.split or note.split,
            licence=said.licence or note.licence,
            source=said.source or note.source,
            columns=said.columns or note.columns,
        ),
    )


def unknown_meanings(columns: dict[str, str]) -> list[str]:
    """Those of the meanings that no column can have."""
    return [meaning for meaning in columns if meaning not in MEANINGS]


# Below: private.


def _note(file: Path) -> RowsTable:
    named = file if file.name else file.resolve()  # of `.` the folder has one
    beside = Path(f"{named}.toml")
    if not beside.is_file():
        return RowsTable()
    known = ", ".join(RowsTable.__struct_fields__)
    remedy = f"It may hold {known}"
    try:
        found = msgspec.convert(tomllib.loads(beside.read_text(encoding="utf-8-sig")), RowsTable)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        problem = f"says nothing that can be used of {file.name}: {error}"
        raise DataError(file=str(beside), problem=problem, remedy=remedy) from None
    for meaning in unknown_meanings(found.columns):
        problem = f"`columns` names {meaning!r}, which is no part of an item"
        remedy = f"Known are {', '.join(MEANINGS)}"
        raise DataError(file=str(beside), problem=problem, remedy=remedy)
    return found
