"""Files of rows, written whole or not at all, and never over what is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from escalera.errors import DataError


def lines(path: Path, rows: Iterable[Any]) -> int:
    """Write a JSON object per line, as they come; how many there were.

    Raises `DataError` where *path* cannot be written, or is no file, such as `/dev/null` or
    `/dev/stdout`: a file would take its place.
    """
    count = 0
    if path.exists() and (not path.is_file() or _is_descriptor(path)):
        raise DataError(file=str(path), problem="is no file", remedy="Name a file to write")
    path = path.resolve()
    beside = path.with_name(f".part-{path.name}")
    try:
        with beside.open("wb") as stream:
            for row in rows:
                stream.write(msgspec.json.encode(row) + b"\n")
                count += 1
        beside.replace(path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        beside.unlink(missing_ok=True)
    return count


def document(path: Path, rows: Iterable[Any]) -> int:
    """Write a JSON list of all rows; how many there were."""
    found = list(rows)
    lines(path, [found])
    return len(found)


# Below: private.


def _is_descriptor(path: Path) -> bool:
    """Whether it is an open file under another name, such as `/dev/stdout`."""
    named = path.readlink() if path.is_symlink() else path
    return Path("/proc") in (*path.absolute().parents, *named.parents)


def _refused(path: Path, error: OSError) -> DataError:
    problem = f"cannot be written ({error.strerror or error})"
    return DataError(file=str(path), problem=problem, remedy="Check the path")
