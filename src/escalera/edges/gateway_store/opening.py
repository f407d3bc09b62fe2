"""Opening a store in an SQLite file, and doing something in it as a whole or not at all."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from escalera.edges import write_ahead
from escalera.errors import StoreUnavailable

PATIENCE = 5.0
"""Seconds that another process may hold the file."""
INCREMENTAL = 2
"""What SQLite calls giving freed pages back when it is asked to."""


class Store:
    """One connection to *file*, which `schema` makes; used by one thread at a time, whichever.

    `version` is that of the schema: a file of a newer one is refused, not guessed at. `upgrades`
    lead from each form to the next, the first of them from the form 1. Only its owner may read the
    file.
    """

    def __init__(
        self, file: Path, *, schema: Path, version: int, upgrades: Sequence[Path] = ()
    ) -> None:
        self.file = file
        self._lock = threading.Lock()
        with self._told("cannot be opened"):
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                file, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            try:
                (vacuum,) = self._connection.execute("pragma auto_vacuum").fetchone()
                if vacuum != INCREMENTAL:  # told again it writes, and on a full disk it cannot
                    self._connection.execute("pragma auto_vacuum = incremental")
                write_ahead.begin(self._connection, seconds=PATIENCE)
                self._connection.execute("pragma synchronous = full")
                self._make(schema, version, upgrades)
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A state of the store that nobody changes meanwhile."""
        with self._transaction("begin", "cannot be read") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The store for this process alone; committed at the end, undone by any error."""
        with self._transaction("begin immediate", "cannot be written") as connection:
            yield connection

    def vacuum(self) -> None:
        """Give pages that were freed back to the disk."""
        with self._lock, self._told("cannot be written"):
            self._connection.executescript("pragma incremental_vacuum")  # steps to its end

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self, begin: str, failed: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told(failed):
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:  # SQLite ends some failed ones by itself
                    self._connection.execute("rollback")
                raise

    def _make(self, schema: Path, version: int, upgrades: Sequence[Path]) -> None:
        (found,) = self._connection.execute("pragma user_version").fetchone()
        if found < version:
            self._connection.execute("begin immediate")
            (found,) = self._connection.execute("pragma user_version").fetchone()
            if found < version:  # nobody else made it meanwhile
                scripts = upgrades[found - 1 :] if found else [schema]
                for script in scripts:
                    for statement in _statements(script.read_text(encoding="utf-8")):
                        self._connection.execute(statement)
                self._connection.execute(f"pragma user_version = {version}")
                found = version
            self._connection.execute("commit")
        if found != version:
            raise StoreUnavailable(
                store=str(self.file),
                problem=f"it has the form {found}, and this Escalera knows the form {version}",
                remedy="Use the Escalera that wrote it, or a newer one",
            )

    @contextmanager
    def _told(self, failed: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(
                store=str(self.file),
                problem=f"{failed} ({error})",
                remedy="Look whether the disk is full, the file is readable and writable, and no "
                "other program holds it",
            ) from error


@contextmanager
def folder_told(folder: Path, failed: str) -> Iterator[None]:
    """What the system says of the files of a store, as `StoreUnavailable`."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            store=str(folder),
            problem=f"{failed} ({error.strerror})",
            remedy="Look whether the disk is full, and the folder readable and writable",
        ) from error


# Below: private.


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one, so that they stay in one transaction."""
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part
            part = ""
