"""The log of served calls in one SQLite file, written by every worker of a machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import msgspec

from escalera.domain.call_log import CallQuery, Retention, Tally
from escalera.domain.traffic import ServedCall
from escalera.edges import sql_files
from escalera.edges.gateway_store.opening import Store
from escalera.errors import StoreUnavailable

VERSION = 1
DAY = 86_400.0
TOGETHER = 100
"""Calls that one statement adds: between two, SQLite hands the interpreter back to other threads,
and a worker that is busy pays for each of these changes more than for the statement."""
SHARE = 20
"""Where the log is too large, a twentieth of its calls goes at a time."""


class SQLiteCalls:
    """The port `CallLog`."""

    def __init__(self, file: Path) -> None:
        schema = Path(__file__).with_name("calls_schema.sql")
        self._store = Store(file, schema=schema, version=VERSION)

    def write(self, calls: Sequence[ServedCall], *, lost: int = 0, at: float = 0.0) -> None:
        """Add calls in one transaction."""
        rows = [_row(call) for call in calls]
        whole = len(rows) - len(rows) % TOGETHER
        with self._store.writing() as connection:
            for start in range(0, whole, TOGETHER):
                values = [value for row in rows[start : start + TOGETHER] for value in row]
                connection.execute(_ADD_TOGETHER, values)
            connection.executemany(_QUERIES["add"], rows[whole:])
            if lost:
                _miss(connection, "lost", lost, at)

    def read(self, wanted: CallQuery) -> Iterator[ServedCall]:
        """The calls that are wanted. Others may write meanwhile; they are not seen."""
        query = "read" if wanted.newest is None else "newest"
        with self._store.reading() as connection:
            for record, request, answer in connection.execute(_QUERIES[query], asdict(wanted)):
                yield self._call(record, request, answer)

    def tally(self, wanted: CallQuery) -> Tally:
        """How much there is."""
        with self._store.reading() as connection:
            calls, attempts = connection.execute(_QUERIES["tally"], asdict(wanted)).fetchone()
            missing = dict(connection.execute(_QUERIES["missing"]).fetchall())
            size = _bytes(connection)
        return Tally(
            calls=calls,
            attempts=attempts,
            lost=missing.get("lost", 0),
            trimmed=missing.get("trimmed", 0),
            bytes=size,
        )

    def trim(self, retention: Retention, now: float) -> int:
        """Remove what is too old, then the oldest until the rest is small enough."""
        gone = 0
        with self._store.writing() as connection:
            if retention.days is not None:
                before = {"before": now - retention.days * DAY}
                gone += connection.execute(_QUERIES["trim_before"], before).rowcount
            if retention.bytes is not None:
                gone += _shrunk(connection, retention.bytes)
            if gone:
                _miss(connection, "trimmed", gone, now)
        if gone:
            self._store.vacuum()
        return gone

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _call(self, record: bytes, request: str, answer: str) -> ServedCall:
        try:
            call = _DECODER.decode(record)
        except msgspec.DecodeError as error:
            raise StoreUnavailable(
                store=str(self._store.file),
                problem=f"a record in it cannot be read ({error})",
                remedy="Use the Escalera that wrote it, or a newer one",
            ) from error
        return replace(call, request=request, answer=answer) if request or answer else call


# Below: private.

_QUERIES = sql_files.named(Path(__file__).with_name("calls.sql"))
_ADD_TOGETHER = _QUERIES["add"].rstrip("; \n") + ", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" * (TOGETHER - 1)
_ENCODE = msgspec.json.Encoder().encode
_DECODER = msgspec.json.Decoder(ServedCall)


def _row(call: ServedCall) -> tuple[object, ...]:
    """The values of `add`, in its order."""
    request, answer = call.request, call.answer
    bare = replace(call, request="", answer="") if request or answer else call
    return (
        call.id,
        call.started,
        call.model,
        call.key,
        call.status,
        call.status >= 400 or call.error != "",
        len(call.attempts),
        _ENCODE(bare),
        _storable(request),
        _storable(answer),
    )


def _storable(body: str) -> str:
    """The text with a question mark for each half of a character, which UTF-8 cannot hold."""
    return body if body.isascii() else body.encode("utf-8", "replace").decode()


def _miss(connection: sqlite3.Connection, reason: str, calls: int, at: float) -> None:
    connection.execute(_QUERIES["miss"], {"at": at, "reason": reason, "calls": calls})


def _bytes(connection: sqlite3.Connection) -> int:
    """Bytes that are in use, without pages that were freed."""
    (pages,) = connection.execute("pragma page_count").fetchone()
    (free,) = connection.execute("pragma freelist_count").fetchone()
    (size,) = connection.execute("pragma page_size").fetchone()
    return int((pages - free) * size)


def _shrunk(connection: sqlite3.Connection, most: int) -> int:
    gone = 0
    while _bytes(connection) > most:
        (calls,) = connection.execute(_QUERIES["count"]).fetchone()
        if calls == 0:
            break
        part = {"calls": -(-calls // SHARE)}
        gone += connection.execute(_QUERIES["trim_oldest"], part).rowcount
    return gone
