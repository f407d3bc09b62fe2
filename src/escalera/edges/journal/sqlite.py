"""The journal in one SQLite file: write-ahead log, one transaction per group of events."""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.domain.event import Event, Judged, Observed
from escalera.edges import sql_files, write_ahead
from escalera.edges.journal import rows
from escalera.errors import JournalConflict, JournalCorrupt, JournalError

PATIENCE = 30.0
"""Seconds that another process may hold the file."""


class SQLiteJournal:
    """A journal for one machine.

    Several processes may read; two that write are told apart: the second gets `JournalConflict`,
    because its decisions rest on a journal that has moved on.
    """

    def __init__(self, file: Path, *, reading: bool = False) -> None:
        """Open *file*, or make it; with *reading* also where it may only be read."""
        self._file = file
        try:
            self._connection = _opened(file, reading=reading)
        except (OSError, sqlite3.DatabaseError) as error:
            raise JournalError(
                f"{file} cannot be opened as a journal: {error}. {_remedy(error)}"
            ) from error
        self._position, self._hash = 0, rows.GENESIS
        self._synchronised = False

    @property
    def head(self) -> str:
        """The hash of the last event read or written."""
        return self._hash

    def append(self, events: Sequence[Event]) -> None:
        """Append all of *events* in one durable transaction, or none."""
        if not self._synchronised:
            for _ in self.events():
                pass
        position, before = self._position, self._hash
        batch = []
        for event in events:
            kind, body = rows.encode(event)
            position += 1
            before = rows.link(before, kind, rows.VERSION, body)
            batch.append(
                {
                    "position": position,
                    "kind": kind,
                    "version": rows.VERSION,
                    "body": body,
                    "hash": before,
                    "request": rows.request_of(event),
                }
            )
        self._insert(batch)
        self._position, self._hash = position, before

    def events(self) -> Iterator[Event]:
        """Every event in order, with the hash chain checked row by row."""
        yield from self._after(0, rows.GENESIS)
        self._synchronised = True

    def later(self) -> Iterator[Event]:
        """What other processes appended since this journal was last read or written, in order.

        The chain is checked as in `events`.
        """
        if self._synchronised:
            yield from self._after(self._position, self._hash)
        else:
            yield from self.events()

    def bought(self, requests: Sequence[str]) -> Mapping[str, Observed]:
        """Answers that were bought, by the keys of their requests."""
        return {e.request: e for e in self._of(requests) if isinstance(e, Observed)}

    def judged(self, requests: Sequence[str]) -> Mapping[str, Judged]:
        """Grades that were bought, by the keys of their requests."""
        return {e.request: e for e in self._of(requests) if isinstance(e, Judged)}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _after(self, position: int, before: str) -> Iterator[Event]:
        """The events behind *position*, whose hash is *before*, with the chain checked."""
        for at, kind, version, body, found in self._reading(_QUERIES["read"], {"after": position}):
            if at != position + 1 or found != rows.link(before, kind, version, body):
                raise JournalCorrupt(
                    f"{self._file}: event {position + 1} is missing or was changed; the chain of "
                    f"hashes holds up to event {position}. Restore the journal from a copy"
                )
            position, before = at, found
            yield rows.decode(kind, version, body, at=at)
        self._position, self._hash = position, before

    def _of(self, requests: Sequence[str]) -> Iterator[Event]:
        asked = {"requests": json.dumps(list(requests))}
        for at, kind, version, body in self._reading(_QUERIES["bought"], asked):
            yield rows.decode(kind, version, body, at=at)

    def _reading(self, query: str, values: Mapping[str, object]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.OperationalError as error:
            raise JournalError(
                f"{self._file} cannot be read: {error}. Try again when no other process uses it; "
                "if it stays so, restore the journal from a copy"
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _insert(self, batch: Sequence[Mapping[str, object]]) -> None:
        try:
            self._connection.execute("begin immediate")
            try:
                self._connection.executemany(_QUERIES["append"], batch)
            except BaseException:
                if self._connection.in_transaction:  # SQLite ends some failed ones by itself
                    self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
        except sqlite3.IntegrityError as error:
            raise JournalConflict(
                f"{self._file}: another process appended to this journal. Let it finish, or stop "
                "it, and start again: what it bought is in the journal and is used"
            ) from error
        except sqlite3.OperationalError as error:
            raise JournalError(
                f"{self._file} cannot be written: {error}. Make room on the disk, or make the file "
                "writable, and start again: everything that was recorded before is kept"
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: sqlite3.DatabaseError) -> JournalCorrupt:
        return JournalCorrupt(
            f"{self._file} is damaged: {error}. Restore the journal from a copy, or move it away "
            "to climb from the beginning"
        )


def _opened(file: Path, *, reading: bool) -> sqlite3.Connection:
    schema = f"pragma synchronous = full; {_text('schema.sql')}"
    try:
        return write_ahead.opened(file, seconds=PATIENCE, make=schema)
    except (OSError, sqlite3.DatabaseError) as error:
        if reading and _is_refused(error) and file.is_file():
            return write_ahead.at_rest(file)
        raise


def _is_refused(error: OSError | sqlite3.DatabaseError) -> bool:
    """Whether nothing may be written there."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or (
        getattr(error, "errno", None) in (errno.EROFS, errno.EACCES)
    )


def _remedy(error: OSError | sqlite3.DatabaseError) -> str:
    if _is_refused(error):
        return (
            "Its folder has to be writable: copy the project with its state folder to where it is, "
            "or name another folder as `project.state`"
        )
    return (
        "Name another folder as `project.state` in the project file, or restore this file from a "
        "copy"
    )


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


_QUERIES = sql_files.named(Path(__file__).with_name("queries.sql"))
