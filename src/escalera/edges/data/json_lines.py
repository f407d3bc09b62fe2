"""JSON lines: one object per line. A line that is wrong is told, and the next one is read."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

import msgspec

from escalera.core.data.flaws import Flaw, shown
from escalera.core.data.rows import NEEDED, Entry
from escalera.edges.tables import json_keys

LONGEST_LINE = 1_000_000
"""Bytes: a longer line is a mistake (a whole file on one line), not an item."""


def entries(file: Path) -> Iterator[Entry]:
    """What stands on each line that is not empty. Raises `OSError` where the file is unreadable.

    The file is read line by line, and of a line that is too long only its beginning is held. What
    begins like another kind of file is told once, and not read.
    """
    if (other := _another(file)) is not None:
        yield "", other
        return
    for number, line in enumerate(_lines(file), start=1):
        if len(line) > LONGEST_LINE:
            rule = f"the line is longer than {LONGEST_LINE} bytes"
            yield f"line {number}", Flaw(rule, "Write one item per line")
        elif line.strip():
            yield f"line {number}", _parsed(line)


# Below: private.

_KINDS = {
    b"PK\x03\x04": ("a ZIP archive or a workbook", "Unpack it, or save the sheet as CSV (UTF-8)"),
    b"\x1f\x8b": ("packed by gzip", "Unpack it"),
    b"PAR1": ("a Parquet file", "Let its name end in .parquet"),
}
"""Other kinds of files by how they begin: what they are, and the remedy."""
_ONE_DOCUMENT = Flaw(
    "is one JSON document, and not an object per line",
    "Write each row as an object on a line of its own; exports of tools for labelling are read by "
    "`escalera data import --from`",
)


def _another(file: Path) -> Flaw | None:
    """What the file is instead, where it begins like no JSON lines."""
    told = (line.strip() for line in _lines(file) if line.strip())
    first = next(told, b"")
    for begin, (kind, remedy) in _KINDS.items():
        if first.startswith(begin):
            return Flaw(f"is {kind}, and not JSON lines", remedy)
    begun = first in (b"[", b"{") and next(told, None) is not None
    return _ONE_DOCUMENT if begun or first.startswith(b"[{") else None


def _lines(file: Path) -> Iterator[bytes]:
    """The lines; of one that is too long, only its beginning."""
    with file.open("rb") as stream:
        if stream.read(len(BOM_UTF8)) != BOM_UTF8:
            stream.seek(0)
        while line := stream.readline(LONGEST_LINE + 1):
            yield line
            while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE + 1)


def _parsed(line: bytes) -> dict[str, object] | Flaw:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = f"is not an item: {error}"
        if not _is_utf8(line):
            return Flaw(problem, "Save the file as UTF-8")
        if b"NaN" in line or b"Infinity" in line:
            problem += " (NaN and Infinity are no JSON)"
        return Flaw(problem, NEEDED)
    if not isinstance(found, dict):
        return Flaw(f"is not an item: {shown(found)}, not an object", NEEDED)
    doubled = json_keys.doubled(line)
    return found if doubled is None else Flaw(doubled, "Keep one of them")


def _is_utf8(line: bytes) -> bool:
    return line.decode("utf-8", errors="ignore").encode() == line
