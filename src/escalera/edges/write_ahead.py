"""A write-ahead log for an SQLite file that several processes may be the first to open.

SQLite waits for whoever holds a file, but not where a file goes over to a write-ahead log while
another connection is about to write: that is refused at once, however patient the connection is.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

PAUSE = 0.005
"""Seconds between two attempts."""


def opened(file: Path, *, seconds: float, make: str) -> sqlite3.Connection:
    """A connection to *file*, in which the script *make* makes what is not there.

    Raises `OSError` and `sqlite3.Error`; nothing stays open then.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=seconds, isolation_level=None)
    try:
        begin(connection, seconds=seconds)
        connection.executescript(make)
    except BaseException:
        connection.close()
        raise
    return connection


def at_rest(file: Path) -> sqlite3.Connection:
    """A connection that reads *file*, where nothing may be written beside it.

    Without a log beside it the file is whole, and is taken for one that nobody changes: SQLite
    would otherwise make a log, also to read. A log that is there has to be readable with its index.
    Raises `sqlite3.Error`.
    """
    log = file.with_name(f"{file.name}-wal")
    alone = not log.exists() or log.stat().st_size == 0
    how = "mode=ro&immutable=1" if alone else "mode=ro"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?{how}", uri=True, isolation_level=None
    )
    try:
        connection.execute("select 1 from sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def begin(connection: sqlite3.Connection, *, seconds: float) -> None:
    """Have the file of *connection* keep a write-ahead log; others may hold it for *seconds*.

    Raises `sqlite3.OperationalError` where they hold it longer.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(PAUSE)
        else:
            return
