"""What the data tools work with: readers of every form, sketches, languages, tokenizers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.core.data import columns, wording
from escalera.core.data.likeness import Sketches
from escalera.core.data.rows import Entry
from escalera.edges.data import documents, reading, writing
from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import DataError, MissingExtra
from escalera.ports import Count
from escalera.settings import data_tables, project_file
from escalera.settings.data_file import Source
from escalera.settings.tables import RowsTable
from escalera.wiring import outputs


def entries(source: Source) -> Iterator[Entry]:
    """What stands in each row of a file, and the columns that are named and that none has.

    Raises `DataError`, or `MissingExtra`.
    """
    try:
        yield from columns.looked_for(reading.entries(source.file), source.defaults.columns)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        remedy = "Check the path"
        file = str(error.filename or source.file)  # of a folder, the file that is not there
        raise DataError(file=file, problem=problem, remedy=remedy) from error


def source(file: Path, said: RowsTable | None = None) -> Source:
    """A data file with what a note beside it, and the caller, say of its rows."""
    return data_tables.source(file, said)


def of_project(file: Path) -> dict[str, tuple[Source, ...]]:
    """The data files of a project's tasks, by task; nothing of them is read."""
    tables = project_file.load(file, scorers=OPTIONS)
    return {name: data_tables.sources(table, file) for name, table in tables.tasks.items()}


def sketches(near: float) -> Sequence[Sketches] | None:
    """Empty sketches, one for each kind of shingles; None without the extra `data`."""
    if importlib.util.find_spec("rensa") is None:
        return None
    from escalera.edges.data.sketches import MinHashes

    return [MinHashes(near) for _ in range(wording.KINDS)]


def language() -> Callable[[str], str] | None:
    """What tells the language of a text; None without the extra `data`."""
    if importlib.util.find_spec("py3langid") is None:
        return None
    from escalera.edges.data import languages

    return languages.language


def tokens(folder: Path) -> Count:
    """The counter of the tokenizer in a folder. Raises `MissingExtra` or `DataError`."""
    if importlib.util.find_spec("tokenizers") is None:
        raise MissingExtra(feature="Counting tokens", package="tokenizers", extra="local")
    from escalera.edges.retrieval import tokens as counting

    found = counting.counter(folder)
    if found is None:
        problem, remedy = "holds no tokenizer.json", "Name the folder of a model"
        raise DataError(file=str(folder), problem=problem, remedy=remedy)
    return found


def document(file: Path) -> Any:
    """One JSON document."""
    return documents.read(file)


def write_lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """JSON lines; how many. Raises `InputError` where *file* holds something else."""
    outputs.require(file, outputs.ROWS)
    return writing.lines(file, rows)


def write_some(file: Path, rows: Sequence[Mapping[str, Any]]) -> int:
    """As `write_lines`; where there are no rows, those of an earlier run stay."""
    if not rows and file.is_file():
        outputs.require(file, outputs.ROWS)
        return 0
    return write_lines(file, rows)


def write_document(file: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """A JSON list; of how many. Raises `InputError` where *file* holds something else."""
    found = list(rows)
    outputs.require(file, outputs.RECORDS)
    return writing.document(file, found)
