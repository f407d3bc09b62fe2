"""JSON lines of scores: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import columns, documents
from escalera.errors import ScoresError

SUFFIXES = (".jsonl", ".ndjson")


def recognises(path: Path) -> bool:
    """Whether the name says so, or the first line is an object with an item and a score."""
    if path.suffix.lower() in SUFFIXES:
        return True
    return columns.holds_scores(documents.first_row(path))


def read(path: Path) -> ScoreTable:
    """The table of a file with one JSON object per line; see `columns.COLUMNS` for the keys."""
    return columns.table(path, _rows(path), kind="JSON lines")


def write(table: ScoreTable, path: Path) -> None:
    """One object per line with the fields of `ScoreRow`; a missing value is null."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in table.rows:
            values = {name: getattr(row, name) for name in columns.FIELDS}
            stream.write(json.dumps(values, ensure_ascii=False) + "\n")


# Below: private.


def _rows(path: Path) -> Iterator[tuple[str, columns.Row]]:
    for place, value in documents.lines(path, unique=True):
        if not isinstance(value, dict):
            problem = f"holds a {type(value).__name__}, not an object"
            remedy = 'A line is like {"system": "a", "item": "1", "score": 0.5}'
            raise ScoresError(file=str(path), place=place, problem=problem, remedy=remedy)
        yield place, value
