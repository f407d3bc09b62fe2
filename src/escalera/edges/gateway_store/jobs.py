"""Finetuning jobs, their events and checkpoints, in one SQLite file for all of a machine.

A job is a document; what it is searched by, and what several processes change, stands beside it in
columns, and counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from escalera.domain.job import ENDED, Job, JobCheckpoint, JobEvent, JobStatus, Wanted
from escalera.edges import sql_files
from escalera.edges.gateway_store.opening import Store

VERSION = 1
WORKING: tuple[JobStatus, ...] = ("validating_files", "running")
"""In these a job may have a worker."""

Entry = TypeVar("Entry")


class SQLiteJobs:
    """The port `JobQueue`. Every change is made as a whole, under the file's lock."""

    def __init__(self, file: Path) -> None:
        schema = Path(__file__).with_name("jobs_schema.sql")
        self._store = Store(file, schema=schema, version=VERSION)

    def add(self, job: Job) -> None:
        """Add a job."""
        with self._store.writing() as connection:
            connection.execute(_QUERIES["add"], _row(job))

    def get(self, id_: str) -> Job | None:
        """A job."""
        with self._store.reading() as connection:
            return _first(connection.execute(_QUERIES["get"], {"id": id_}).fetchone())

    def all(
        self,
        *,
        owner: str | None,
        after: str = "",
        limit: int = 20,
        metadata: Mapping[str, str] | None = None,
    ) -> Sequence[Job]:
        """A page of jobs."""
        asked = {
            "owner": owner,
            "after": after,
            "limit": limit,
            "bare": metadata is not None and not metadata,
            "metadata": _text(metadata or {}),
        }
        with self._store.reading() as connection:
            return [_job(row) for row in connection.execute(_QUERIES["page"], asked)]

    def waiting(self, owner: str) -> int:
        """How many have not ended."""
        asked = {"owner": owner, "ended": _text(ENDED)}
        with self._store.reading() as connection:
            (found,) = connection.execute(_QUERIES["waiting"], asked).fetchone()
        return int(found)

    def standing(self) -> Mapping[JobStatus, int]:
        """How many are in each status."""
        with self._store.reading() as connection:
            return dict(connection.execute(_QUERIES["standing"]).fetchall())

    def spent(self, holders: Sequence[str], *, since: float) -> Mapping[str, float]:
        """Seconds that jobs took or hold."""
        found = {}
        with self._store.reading() as connection:
            for holder in holders:
                kind, _, name = holder.partition(":")
                asked = {"since": since, "key": None, "account": None, kind: name}
                (found[holder],) = connection.execute(_QUERIES["spent"], asked).fetchone()
        return found

    def move(self, id_: str, of: Sequence[JobStatus], to: JobStatus, *, now: float) -> Job | None:
        """Another status, if it is among *of*."""
        asked = {"id": id_, "of": _text(of), "to": to, "ends": to in ENDED, "now": now}
        return self._changed("move", asked)

    def want(self, id_: str, wanted: Wanted) -> Job | None:
        """Say what a worker is to do."""
        return self._changed("want", {"id": id_, "wanted": wanted})

    def take(
        self, worker: str, of: Sequence[JobStatus], to: JobStatus, *, now: float, silent: float
    ) -> Job | None:
        """The next job for a worker."""
        machine = worker.partition("/")[0] + "/"
        asked = {"worker": worker, "machine": machine, "of": _text(of), "to": to, "now": now}
        return self._changed("take", {**asked, "silent": silent})

    def beat(self, id_: str, worker: str, *, now: float, seconds: float) -> Wanted | None:
        """Say that the worker lives."""
        asked = {"id": id_, "worker": worker, "now": now, "seconds": seconds}
        with self._store.writing() as connection:
            row = connection.execute(_QUERIES["beat"], asked).fetchone()
        return None if row is None else row[0]

    def keep(self, job: Job, *, worker: str) -> bool:
        """Replace what is known of a job."""
        asked = {**_row(job), "worker": worker, "working": job.status in WORKING}
        with self._store.writing() as connection:
            return connection.execute(_QUERIES["keep"], asked).rowcount > 0

    def tell(self, events: Sequence[JobEvent]) -> None:
        """Add events."""
        self._add("tell", events)

    def events(self, id_: str, *, after: str = "", limit: int = 20) -> Sequence[JobEvent]:
        """A page of events, newest first."""
        return self._page("events", JobEvent, id_, after, limit)

    def later(self, id_: str, *, after: str = "", limit: int = 100) -> Sequence[JobEvent]:
        """Events as they came."""
        return self._page("later", JobEvent, id_, after, limit)

    def mark(self, checkpoint: JobCheckpoint) -> None:
        """Add a checkpoint."""
        self._add("mark", [checkpoint])

    def checkpoints(self, id_: str, *, after: str = "", limit: int = 10) -> Sequence[JobCheckpoint]:
        """A page of checkpoints."""
        return self._page("checkpoints", JobCheckpoint, id_, after, limit)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    # Private

    def _changed(self, query: str, asked: Mapping[str, object]) -> Job | None:
        with self._store.writing() as connection:
            return _first(connection.execute(_QUERIES[query], asked).fetchone())

    def _add(self, query: str, entries: Sequence[JobEvent | JobCheckpoint]) -> None:
        with self._store.writing() as connection:
            for one in entries:
                row = {"id": one.id, "job": one.job, "document": _text(one)}
                connection.execute(_QUERIES[query], row)

    def _page(self, query: str, kind: type[Entry], job: str, after: str, limit: int) -> list[Entry]:
        asked = {"job": job, "after": after, "limit": limit}
        with self._store.reading() as connection:
            found = connection.execute(_QUERIES[query], asked).fetchall()
        return [msgspec.json.decode(document, type=kind) for (document,) in found]


# Below: private.

_QUERIES = sql_files.named(Path(__file__).with_name("jobs.sql"))
_JOB = msgspec.json.Decoder(Job)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _first(row: Sequence[Any] | None) -> Job | None:
    return None if row is None else _job(row)


def _job(row: Sequence[Any] | sqlite3.Row) -> Job:
    document, status, wanted, worker, beat, starts, seconds, finished = row
    return replace(
        _JOB.decode(document),
        status=status,
        wanted=wanted,
        worker=worker,
        beat=beat,
        starts=starts,
        seconds=seconds,
        finished=finished,
    )


def _row(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "owner": job.owner,
        "key": job.key,
        "status": job.status,
        "wanted": job.wanted,
        "worker": job.worker,
        "beat": job.beat,
        "starts": job.starts,
        "seconds": job.seconds,
        "reserved": job.reserved,
        "began": job.began,
        "finished": job.finished,
        "document": _text(job),
    }
