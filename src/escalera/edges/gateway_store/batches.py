"""Batches in one SQLite file, shared by the workers of a machine, and what they ask beside it.

A worker holds a batch by saying that it lives; everything that it says is one transaction that
looks whether it still does. The requests of a batch are a link to the bytes of the file that it was
made of, so that the file may be deleted.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from escalera.domain.batch import BATCH_OVER, Batch, BatchAnswer, BatchStatus
from escalera.edges import sql_files
from escalera.edges.gateway_store.opening import Store, folder_told

VERSION = 1
AT_ONCE = 1000
"""Answers that are forgotten in one transaction."""


class SQLiteBatches:
    """The port `BatchBook`, in *folder*."""

    def __init__(self, folder: Path) -> None:
        schema = Path(__file__).with_name("batches_schema.sql")
        self._folder = folder
        self._store = Store(folder / "batches.sqlite", schema=schema, version=VERSION)
        self._sweep()

    def open(self, batch: Batch, source: Path) -> None:
        """Add it."""
        target = self.input(batch.id)
        row = {"id": batch.id, "owner": batch.owner, "record": _ENCODE(batch)}
        with self._store.writing() as connection, folder_told(self._folder, "cannot be written"):
            try:
                os.link(source, target)
            except OSError:  # not on this file system
                shutil.copyfile(source, target)
            connection.execute(_QUERIES["add"], row)

    def get(self, id_: str) -> Batch | None:
        """As it is now."""
        with self._store.reading() as connection:
            return _one(connection, "one", {"id": id_})

    def all(self, *, owner: str | None, after: str = "", limit: int = 20) -> Sequence[Batch]:
        """A page."""
        wanted = {"owner": owner, "after": after, "limit": limit}
        with self._store.reading() as connection:
            rows = connection.execute(_QUERIES["page"], wanted).fetchall()
        return [_DECODER.decode(record) for (record,) in rows]

    def take(self, worker: str, *, now: float, silent: float) -> Batch | None:
        """The oldest that is free."""
        free = {"silent": now - silent}
        with self._store.reading() as connection:
            if _one(connection, "free", free) is None:  # asked often: nothing is written for that
                return None
        with self._store.writing() as connection:
            found = _one(connection, "free", free)
            if found is None:
                return None
            found = replace(found, starts=found.starts + 1, waits="")
            _put(connection, found)
            connection.execute(_QUERIES["hold"], {"id": found.id, "worker": worker, "now": now})
            return found

    def beat(self, id_: str, worker: str, *, now: float, waits: str = "") -> Batch | None:
        """Hold it for longer."""
        with self._store.writing() as connection:
            found = _one(connection, "held", {"id": id_, "worker": worker})
            if found is None:
                return None
            connection.execute(_QUERIES["hold"], {"id": id_, "worker": worker, "now": now})
            if found.waits != waits:
                found = replace(found, waits=waits)
                _put(connection, found)
            return found

    def release(self, id_: str, worker: str) -> None:
        """Let go of it."""
        with self._store.writing() as connection:
            connection.execute(_QUERIES["release"], {"id": id_, "worker": worker})

    def change(
        self, id_: str, edit: Callable[[Batch], Batch], *, worker: str | None = None
    ) -> Batch | None:
        """Another state."""
        with self._store.writing() as connection:
            query = "one" if worker is None else "held"
            found = _one(connection, query, {"id": id_, "worker": worker})
            if found is None:
                return None
            changed = edit(found)
            if changed != found:
                _put(connection, changed)
            return changed

    def keep(self, id_: str, worker: str, answers: Sequence[BatchAnswer]) -> Batch | None:
        """Add answers, and count those that are new."""
        with self._store.writing() as connection:
            found = _one(connection, "held", {"id": id_, "worker": worker})
            if found is None:
                return None
            completed, failed, usage = found.completed, found.failed, found.usage
            for one in answers:
                row = {
                    "batch": id_,
                    "line": one.line,
                    "is_error": one.is_error,
                    "record": one.record,
                }
                if connection.execute(_QUERIES["answer"], row).rowcount:
                    completed, failed = completed + (not one.is_error), failed + one.is_error
                    usage = None if usage is None else usage + one.usage
            found = replace(found, completed=completed, failed=failed, usage=usage)
            _put(connection, found)
            return found

    def standing(self) -> Mapping[BatchStatus, int]:
        """How many there are, of those that are not over."""
        with self._store.reading() as connection:
            return dict(connection.execute(_QUERIES["standing"]).fetchall())

    def answered(self, id_: str) -> frozenset[int]:
        """Lines with answers."""
        with self._store.reading() as connection:
            rows = connection.execute(_QUERIES["answered"], {"batch": id_}).fetchall()
        return frozenset(line for (line,) in rows)

    def answers(
        self, id_: str, *, errors: bool, after: int = 0, limit: int = 100
    ) -> Sequence[BatchAnswer]:
        """A page."""
        wanted = {"batch": id_, "is_error": errors, "after": after, "limit": limit}
        with self._store.reading() as connection:
            rows = connection.execute(_QUERIES["answers"], wanted).fetchall()
        return [
            BatchAnswer(line=line, is_error=bool(is_error), record=record)
            for line, is_error, record in rows
        ]

    def input(self, id_: str) -> Path:
        """Beside the store."""
        return self._folder / f"{id_}.jsonl"

    def forget(self, id_: str) -> None:
        """In steps, so that others can write meanwhile."""
        some = {"batch": id_, "limit": AT_ONCE}
        gone = AT_ONCE
        while gone == AT_ONCE:
            with self._store.writing() as connection:
                gone = connection.execute(_QUERIES["forget"], some).rowcount
        self._store.vacuum()
        with folder_told(self._folder, "cannot be written"):
            self.input(id_).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    # Private

    def _sweep(self) -> None:
        """Remove requests whose batch was never there or is over: a kill left them.

        Batches are added under the same lock, so none is missed.
        """
        with self._store.writing() as connection, folder_told(self._folder, "cannot be swept"):
            for path in tuple(self._folder.glob("*.jsonl")):
                known = connection.execute(_QUERIES["known"], {"id": path.stem}).fetchone()
                if known is None and _ID.fullmatch(path.stem):
                    path.unlink(missing_ok=True)


# Below: private.

_QUERIES = sql_files.named(Path(__file__).with_name("batches.sql"))
_ENCODE = msgspec.json.Encoder().encode
_DECODER = msgspec.json.Decoder(Batch)
_ID = re.compile(r"batch_[0-9a-f]{32}")


def _one(connection: sqlite3.Connection, query: str, values: dict[str, Any]) -> Batch | None:
    row = connection.execute(_QUERIES[query], values).fetchone()
    return None if row is None else _DECODER.decode(row[0])


def _put(connection: sqlite3.Connection, batch: Batch) -> None:
    over = batch.status in BATCH_OVER
    row = {"id": batch.id, "record": _ENCODE(batch), "is_over": over}
    connection.execute(_QUERIES["put"], row)
