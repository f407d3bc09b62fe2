"""Inside the jail: a database made by a script, and what queries find in it. Read-only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any


def run(data: Any) -> Any:
    """Rows of the target and of the reply, or what is wrong with one of the three texts."""
    with closing(sqlite3.connect(":memory:")) as database:
        return _run(database, data)


# Below: private.

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33})
"""33 is SQLITE_RECURSIVE, a common table expression that names itself."""


def _run(database: sqlite3.Connection, data: Any) -> Any:
    try:
        database.executescript(data["script"])
        database.commit()
    except sqlite3.Error as error:
        return {"script": str(error)}
    database.execute("PRAGMA query_only = ON")
    database.set_authorizer(_reading)
    wanted = _rows(database, data["target"], data["most"])
    if isinstance(wanted, str) or len(wanted) > data["most"]:
        return {"target": wanted if isinstance(wanted, str) else "it finds too many rows"}
    # One row more than the target has is enough to know that there are too many.
    return {"wanted": wanted, "found": _rows(database, data["reply"], len(wanted))}


def _reading(action: int, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _rows(database: sqlite3.Connection, query: str, most: int) -> list[list[Any]] | str:
    try:
        found = database.execute(query).fetchmany(most + 1)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return str(error)
    return [[_plain(value) for value in row] for row in found]


def _plain(value: Any) -> Any:
    return {"blob": value.hex()} if isinstance(value, bytes) else value
