"""The shelf of finetuned models in one SQLite file, read by every worker of a machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from escalera.core.serving import finetuned
from escalera.domain.job import Published
from escalera.edges import sql_files
from escalera.edges.gateway_store.opening import Store

VERSION = 1


class SQLiteShelf:
    """The port `Shelf`."""

    def __init__(self, file: Path) -> None:
        schema = Path(__file__).with_name("shelf_schema.sql")
        self._store = Store(file, schema=schema, version=VERSION)

    def revision(self) -> int:
        """The number of the last change: one row."""
        with self._store.reading() as connection:
            (number,) = connection.execute(_QUERIES["number"]).fetchone()
        return int(number)

    def all(self) -> Sequence[Published]:
        """Every model, the oldest first."""
        with self._store.reading() as connection:
            return tuple(_model(row) for row in connection.execute(_QUERIES["all"]))

    def publish(self, model: Published) -> None:
        """Put a model there, or replace what is known of it."""
        finetuned.checked(model)
        with self._store.writing() as connection:
            finetuned.kept(model, _one(connection, model.name))
            connection.execute(_QUERIES["put"], asdict(model))
            connection.execute(_QUERIES["count"])

    def withdraw(self, name: str) -> bool:
        """Take a model away; its artifact stays."""
        with self._store.writing() as connection:
            gone = connection.execute(_QUERIES["remove"], {"name": name}).rowcount > 0
            if gone:
                connection.execute(_QUERIES["count"])
        return gone

    def close(self) -> None:
        """Close the file."""
        self._store.close()


# Below: private.

_QUERIES = sql_files.named(Path(__file__).with_name("shelf.sql"))
_COLUMNS = ("name", "base", "adapter", "job", "created", "owner", "gate", "revision")


def _one(connection: sqlite3.Connection, name: str) -> Published | None:
    row = connection.execute(_QUERIES["one"], {"name": name}).fetchone()
    return None if row is None else _model(row)


def _model(row: tuple[object, ...]) -> Published:
    return Published(**dict(zip(_COLUMNS, row, strict=True)))  # type: ignore[arg-type]
