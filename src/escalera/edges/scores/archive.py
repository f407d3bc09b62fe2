"""Members of zip archives that others wrote: bounded before and while they are unpacked.

The directory of an archive and the size that it claims for a member are both under the control of
whoever wrote it, so neither is trusted: the directory is measured before it is read, and a member
is read up to a limit.
"""

from __future__ import annotations

import importlib
import importlib.util
import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from escalera.edges.scores.documents import LARGEST_DOCUMENT, unreadable
from escalera.errors import MissingExtra, ScoresError

LARGEST_DIRECTORY = 64_000_000
"""Bytes of the list of members: some 600,000 of them."""
ZSTANDARD = 93
"""The method of compression that Python's own `zipfile` knows from 3.14 on."""
MAGIC = b"PK\x03\x04"

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64_SIZE = 20


class Archive:
    """An open zip archive, from which members can be read."""

    def __init__(self, path: Path, archive: Any) -> None:
        self._path = path
        self._archive = archive
        self.names: tuple[str, ...] = tuple(archive.namelist())

    def read(self, name: str, *, largest: int = LARGEST_DOCUMENT) -> bytes:
        """A member, unpacked. Raises `ScoresError` where it is broken or too large."""
        info = self._archive.getinfo(name)
        if info.compress_type == ZSTANDARD and _module() is zipfile and sys.version_info < (3, 14):
            feature = f"Reading {self._path.name}, which is compressed with Zstandard,"
            raise MissingExtra(feature=feature, package="backports.zstd", extra="inspect")
        try:
            with self._archive.open(info) as member:
                content: bytes = member.read(largest + 1)
        except _broken() as error:
            raise _error(self._path, f"member {name}", f"cannot be unpacked ({error})") from error
        if len(content) > largest:
            problem = f"unpacks to more than {largest} bytes"
            raise _error(self._path, f"member {name}", problem)
        return content


@contextmanager
def opened(path: Path, *, directory: int = LARGEST_DIRECTORY) -> Iterator[Archive]:
    """The archive at *path*. Raises `ScoresError` where it is none, or lists too much."""
    try:
        size = _directory_size(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if size > directory:
        problem = f"lists members in {size} bytes, more than {directory}"
        raise _error(path, "", problem)
    try:
        archive = _module().ZipFile(path)
    except _broken() as error:
        raise _error(path, "", f"is no zip archive ({error})") from error
    with archive:
        yield Archive(path, archive)


# Below: private.


def _module() -> Any:
    """The newest `zipfile` there is: Python's own, or its backport with Zstandard."""
    if sys.version_info < (3, 14) and importlib.util.find_spec("backports") is not None:
        found = importlib.util.find_spec("backports.zstd")
        return zipfile if found is None else importlib.import_module("backports.zstd.zipfile")
    return zipfile


def _broken() -> tuple[type[Exception], ...]:
    """What broken archives raise; encrypted members and unknown methods are RuntimeErrors."""
    loaded = (sys.modules.get(name) for name in ("compression.zstd", "backports.zstd"))
    unpacking = (zlib.error, lzma.LZMAError, *(zstd.ZstdError for zstd in loaded if zstd))
    reading = (zipfile.BadZipFile, _module().BadZipFile, OSError, RuntimeError, EOFError)
    return (*reading, ValueError, *unpacking)


def _directory_size(path: Path) -> int:
    """Bytes of the central directory, as `zipfile` is going to read it; 0 where there is none."""
    with path.open("rb") as stream:
        length = stream.seek(0, 2)
        start = max(0, length - _END.size - 0xFFFF)
        stream.seek(start)
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return 0
    before = at - _LOCATOR_64_SIZE - _END_64.size
    if before >= 0 and tail[before : before + 4] == b"PK\x06\x06":
        return int(_END_64.unpack_from(tail, before)[8])
    return int(_END.unpack_from(tail, at)[5])


def _error(path: Path, place: str, problem: str) -> ScoresError:
    remedy = "Copy the file again from where it was written"
    return ScoresError(file=str(path), place=place, problem=problem, remedy=remedy)
