"""What trials keep beside their journal: the texts of the latest pairs, in an SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from escalera.edges import write_ahead
from escalera.errors import StoreUnavailable

PATIENCE = 30.0
"""Seconds that another process may hold the file."""
_SCHEMA = """
create table if not exists pair (
    number    integer primary key autoincrement,
    trial     text not null,
    request   text not null,
    question  text not null,
    live      text not null,
    candidate text not null,
    unique (trial, request)
) strict
"""
_ADD = """
insert or ignore into pair (trial, request, question, live, candidate) values (?, ?, ?, ?, ?)
"""
_FORGET = """
delete from pair where trial = ? and number <= (
    select number from pair where trial = ? order by number desc limit 1 offset ?
)
"""
_READ = "select request, question, live, candidate from pair where trial = ? order by number"


class SQLitePairs:
    """Texts by trial, of which the oldest go when there are too many."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._connection = write_ahead.opened(file, seconds=PATIENCE, make=_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._unavailable(error) from error

    def keep(self, trial: str, texts: tuple[str, str, str, str], *, most: int) -> None:
        """Add request, question, live and candidate answer; of a trial *most* stay."""
        try:
            self._connection.execute(_ADD, (trial, *texts))
            self._connection.execute(_FORGET, (trial, trial, most))
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def read(self, trial: str) -> list[tuple[str, str, str, str]]:
        """Request, question, live and candidate answer of every pair, the oldest first."""
        try:
            return [*self._connection.execute(_READ, (trial,))]
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            store=str(self._file),
            problem=f"the pairs of trials cannot be kept: {error}",
            remedy="Make room on the disk, or make the folder writable",
        )
