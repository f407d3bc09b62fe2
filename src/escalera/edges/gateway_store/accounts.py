"""The money of the copies of shadows, of which all workers take: a table in the SQLite file of the
pairs, so that what was spent before counts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from escalera.edges import write_ahead
from escalera.errors import StoreUnavailable

PATIENCE = 30.0
"""Seconds that another process may hold the file."""
_SCHEMA = """
create table if not exists account (
    trial text primary key,
    taken integer not null
) strict
"""
_OPEN = "insert or ignore into account (trial, taken) values (?, ?)"
_TAKE = """
update account set taken = taken + :asked where trial = :trial and taken + :asked <= :most
"""
_GIVE_BACK = "update account set taken = taken - ? where trial = ?"
_TAKEN = "select taken from account where trial = ?"


class SQLiteAccounts:
    """An account for each trial, in micro-dollars."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._connection = write_ahead.opened(file, seconds=PATIENCE, make=_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._unavailable(error) from error

    def take(self, trial: str, micro_dollars: int, *, most: int, spent: int) -> bool:
        """Take money for a copy, where all that was taken stays within *most*.

        An account begins with what was *spent* before there was one.
        """
        try:
            self._connection.execute(_OPEN, (trial, spent))
            values = {"trial": trial, "asked": micro_dollars, "most": most}
            return self._connection.execute(_TAKE, values).rowcount == 1
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def give_back(self, trial: str, micro_dollars: int) -> None:
        """Give back what a copy did not need."""
        try:
            self._connection.execute(_GIVE_BACK, (micro_dollars, trial))
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def taken(self, trial: str) -> int:
        """Micro-dollars that were taken and not given back."""
        try:
            found = self._connection.execute(_TAKEN, (trial,)).fetchone()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        return 0 if found is None else int(found[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            store=str(self._file),
            problem=f"the accounts of shadows cannot be kept: {error}",
            remedy="Make room on the disk, or make the folder writable",
        )
