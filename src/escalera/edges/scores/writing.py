"""Writes a table of scores in any format that is known here."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import csv_file, jsonl_file
from escalera.edges.tables import csv_table
from escalera.errors import MissingExtra, ScoresError


@dataclass(frozen=True, slots=True)
class Writer:
    """A format: the endings of its files, the writing, and whether a file is written anew.

    A file that is not written anew is a store that a table is added to.
    """

    suffixes: tuple[str, ...]
    write: Callable[[ScoreTable, Path], None]
    anew: bool = True


def write(table: ScoreTable, path: Path, *, format: str | None = None) -> None:  # noqa: A002
    """Write *table* to *path*, in the named format or in the one that its ending names.

    A file appears whole or not at all, and replaces the one before. Reading it gives the same
    rows, scores bit for bit. Raises `ScoresError`, or `MissingExtra`.
    """
    writer = WRITERS[_format(path, format)]
    try:
        if not writer.anew:
            writer.write(table, path)
            return
        if path.exists() and not path.is_file():  # a file would take the place of /dev/null
            raise ScoresError(file=str(path), problem="is no file", remedy="Name one to write")
        beside = path.with_name(f".part-{path.name}")
        try:
            writer.write(table, beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise ScoresError(file=str(path), problem=problem, remedy="Check the path") from error


# Below: private.


def _format(path: Path, name: str | None) -> str:
    if name in WRITERS:
        return str(name)
    if name is None:
        for known, writer in WRITERS.items():
            if path.suffix.lower() in writer.suffixes:
                return known
        problem = f"the ending {path.suffix!r} names no format"
    else:
        problem = f"there is no format {name!r} of scores to write"
    remedy = f"Name one of: {', '.join(WRITERS)}"
    raise ScoresError(file=str(path), problem=problem, remedy=remedy)


def _with_extra(package: str, extra: str, module: str) -> Callable[[ScoreTable, Path], None]:
    """The writing of a module that needs a package, which is loaded when it is asked for."""

    def written(table: ScoreTable, path: Path) -> None:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(feature=f"Writing to {path.name}", package=package, extra=extra)
        importlib.import_module(f"escalera.edges.scores.{module}").write(table, path)

    return written


WRITERS: Mapping[str, Writer] = {
    "jsonl": Writer(jsonl_file.SUFFIXES, jsonl_file.write),
    "csv": Writer(csv_table.SUFFIXES, csv_file.write),
    "parquet": Writer((".parquet",), _with_extra("pyarrow", "parquet", "parquet_file")),
    "mlflow": Writer((".db",), _with_extra("mlflow", "mlflow", "mlflow_run"), anew=False),
}
"""Every format by its name."""
