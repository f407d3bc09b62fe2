"""Reads a file or folder of scores in any format that is known here."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import (
    csv_file,
    documents,
    inspect_log,
    jsonl_file,
    lm_eval,
    openai_evals,
    promptfoo,
)
from escalera.errors import MissingExtra, ScoresError


@dataclass(frozen=True, slots=True)
class Reader:
    """A format: a cheap look whether a file is of it, and the reading."""

    recognises: Callable[[Path], bool]
    read: Callable[[Path], ScoreTable]


def read(path: Path, *, format: str | None = None) -> ScoreTable:  # noqa: A002
    """The scores in *path*, in the named format or in the one that it is recognised as.

    Raises `ScoresError` (what and where, and what to do), or `MissingExtra`.
    """
    if format is not None and format not in READERS:
        problem = f"there is no format {format!r} of scores to read"
        remedy = f"Name one of: {', '.join(READERS)}"
        raise ScoresError(file=str(path), problem=problem, remedy=remedy)
    if not path.exists():
        raise ScoresError(file=str(path), problem="does not exist", remedy="Check the path")
    return READERS[format or recognised(path)].read(path)


def recognised(path: Path) -> str:
    """The name of the format of a file or folder. Raises `ScoresError` where it is of none."""
    for name, reader in READERS.items():
        if reader.recognises(path):
            return name
    problem = "is in no format of scores that is known"
    remedy = f"Name the format, one of: {', '.join(READERS)}"
    raise ScoresError(file=str(path), problem=problem, remedy=remedy)


# Below: private.


def _is_parquet(path: Path) -> bool:
    return documents.head(path).startswith(b"PAR1")


def _read_parquet(path: Path) -> ScoreTable:
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtra(feature="Reading Parquet", package="pyarrow", extra="parquet")
    table: ScoreTable = importlib.import_module("escalera.edges.scores.parquet_file").read(path)
    return table


READERS: Mapping[str, Reader] = {
    "inspect": Reader(inspect_log.recognises, inspect_log.read),
    "lm-eval": Reader(lm_eval.recognises, lm_eval.read),
    "promptfoo": Reader(promptfoo.recognises, promptfoo.read),
    "openai-evals": Reader(openai_evals.recognises, openai_evals.read),
    "parquet": Reader(_is_parquet, _read_parquet),
    "jsonl": Reader(jsonl_file.recognises, jsonl_file.read),
    "csv": Reader(csv_file.recognises, csv_file.read),
}
"""Every format by its name; the first that recognises a file reads it."""
