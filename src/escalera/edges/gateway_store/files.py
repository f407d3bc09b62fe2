"""Files of callers: their bytes in a folder, what is known of them in an SQLite file beside these.

A file is there when its row is: the bytes come first, forced to disk under a name that is made
here. What a process that was killed left behind has no row, and is swept.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from escalera.domain.stored_file import Incoming, Purpose, Space, StoredFile
from escalera.edges import sql_files
from escalera.edges.gateway_store import spooling
from escalera.edges.gateway_store.opening import Store, folder_told
from escalera.edges.gateway_store.spooling import Spool
from escalera.errors import EvidenceMissing, FileTooLarge

VERSION = 1
TOGETHER = 1_000_000
"""Bytes that are written at a time, by a thread."""


class SQLiteFiles:
    """The port `FileStore`, in *folder*. *now* is wall time; *name* gives every file an id."""

    def __init__(self, folder: Path, *, now: Callable[[], float], name: Callable[[], str]) -> None:
        schema = Path(__file__).with_name("files_schema.sql")
        self._folder = folder
        self._store = Store(folder / "files.sqlite", schema=schema, version=VERSION)
        self._now, self._name = now, name
        self._coming: dict[str, int] = {}

    async def add(
        self,
        pieces: AsyncIterator[bytes],
        about: Callable[[], Incoming],
        *,
        space: Space | None = None,
    ) -> StoredFile:
        """Store what comes."""
        spool = await asyncio.to_thread(self._spool)
        waiting, size = bytearray(), 0
        owner = "" if space is None else space.owner
        try:
            taken = 0 if space is None else await asyncio.to_thread(self._taken, owner)
            async for piece in pieces:
                waiting += piece
                size += len(piece)
                if space is not None:
                    self._came(owner, len(piece))
                    _require(space, size, taken + self._coming.get(owner, 0))
                if len(waiting) >= TOGETHER:
                    await asyncio.to_thread(self._write, spool, bytes(waiting))
                    waiting.clear()
            return await asyncio.to_thread(self._end, spool, bytes(waiting), about(), space)
        finally:
            if space is not None:
                self._came(owner, -size)
            spool.drop()

    def keep(self, file: Path, about: Incoming) -> StoredFile:
        """Store a copy."""
        spool = self._spool()
        try:
            with folder_told(self._folder, "cannot be written"), file.open("rb") as read:
                while data := read.read(TOGETHER):
                    spool.write(data)
            return self._end(spool, b"", about, None)
        finally:
            spool.drop()

    def get(self, id_: str) -> StoredFile | None:
        """What is known of it."""
        with self._store.reading() as connection:
            row = connection.execute(_QUERIES["one"], {"id": id_, "now": self._now()}).fetchone()
        return None if row is None else StoredFile(**dict(zip(_FIELDS, row, strict=True)))

    def path(self, id_: str) -> Path:
        """Where its bytes lie."""
        if self.get(id_) is None:
            raise EvidenceMissing(f"there is no file {id_!r}")
        return self._folder / id_

    def all(
        self,
        *,
        owner: str | None,
        purpose: Purpose | None = None,
        after: str = "",
        limit: int = 100,
        oldest_first: bool = False,
    ) -> Sequence[StoredFile]:
        """A page."""
        query = _QUERIES["oldest" if oldest_first else "newest"]
        wanted = {"owner": owner, "purpose": purpose, "after": after, "limit": limit}
        with self._store.reading() as connection:
            rows = connection.execute(query, {**wanted, "now": self._now()}).fetchall()
        return [StoredFile(**dict(zip(_FIELDS, row, strict=True))) for row in rows]

    def remove(self, id_: str) -> bool:
        """Forget it; whoever reads it reads on."""
        if not _ID.fullmatch(id_):
            return False
        with self._store.writing() as connection:
            found = connection.execute(_QUERIES["remove"], {"id": id_}).rowcount
        with folder_told(self._folder, "cannot be written"):
            (self._folder / id_).unlink(missing_ok=True)
        return found > 0

    def sweep(self) -> int:
        """Remove what has expired, and what has no row and no writer."""
        with self._store.reading() as connection:
            rows = connection.execute(_QUERIES["expired"], {"now": self._now()}).fetchall()
        gone = sum(self.remove(id_) for (id_,) in rows)
        with folder_told(self._folder, "cannot be swept"):
            for path in tuple(self._folder.iterdir()):
                if _ID.fullmatch(path.name.removesuffix(spooling.PART)):
                    spooling.swept(path, partial(self._knows, path.name))
        return gone

    def close(self) -> None:
        """Close the index."""
        self._store.close()

    # Private

    def _spool(self) -> Spool:
        with folder_told(self._folder, "cannot be written"):
            return Spool(self._folder / self._name())

    def _write(self, spool: Spool, data: bytes) -> None:
        with folder_told(self._folder, "cannot be written"):
            spool.write(data)

    def _end(self, spool: Spool, data: bytes, about: Incoming, space: Space | None) -> StoredFile:
        """Put a row to bytes that are all there."""
        with folder_told(self._folder, "cannot be written"):
            spool.write(data)
            found = StoredFile(
                id=spool.target.name, size=spool.size, digest=spool.digest, **asdict(about)
            )
            spool.keep(lambda: self._record(found, space))
        return found

    def _record(self, found: StoredFile, space: Space | None) -> None:
        with self._store.writing() as connection:
            if space is not None:
                _require(space, found.size, _taken(connection, space.owner) + found.size)
            connection.execute(_QUERIES["add"], asdict(found))

    def _came(self, owner: str, size: int) -> None:
        """Count bytes that are on their way, so that many uploads at once stay in bounds."""
        self._coming[owner] = self._coming.get(owner, 0) + size
        if not self._coming[owner]:
            del self._coming[owner]

    def _taken(self, owner: str) -> int:
        with self._store.reading() as connection:
            return _taken(connection, owner)

    def _knows(self, id_: str) -> bool:
        with self._store.reading() as connection:
            return connection.execute(_QUERIES["known"], {"id": id_}).fetchone() is not None


# Below: private.

_QUERIES = sql_files.named(Path(__file__).with_name("files.sql"))
_FIELDS = ("id", "name", "purpose", "size", "digest", "created", "owner", "expires")
_ID = re.compile(r"file-[0-9a-f]{32}")


def _taken(connection: sqlite3.Connection, owner: str) -> int:
    row: Any = connection.execute(_QUERIES["taken"], {"owner": owner}).fetchone()
    return int(row[0])


def _require(space: Space, size: int, together: int) -> None:
    if size > space.file:
        raise FileTooLarge(
            f"The file has more than the {space.file} bytes that a file may have. Split it into "
            "several."
        )
    if together > space.total:
        raise FileTooLarge(
            f"With this file all of yours would have {together} bytes, and {space.total} are "
            "allowed. Delete files that you do not need any more."
        )
