"""JSON from files that others wrote: bounded in size, and every problem with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from escalera.edges.scores.scale import cut
from escalera.edges.tables import json_keys
from escalera.errors import ScoresError

LARGEST_DOCUMENT = 256_000_000
"""Bytes of one JSON document, which is held in memory as a whole."""
LONGEST_LINE = 64_000_000
"""Bytes of one line of a file that is read line by line."""
HEAD = 65_536
"""Bytes that are looked at to recognise a format."""
LARGEST_COUNT = 2**63 - 1
"""Tokens, micro-dollars: what tables can hold."""
LARGEST_AMOUNT = 1e12
NOTHING: Mapping[str, Any] = {}


def head(path: Path) -> bytes:
    """The first bytes of a file; nothing of what is no readable file."""
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def first_row(path: Path) -> Mapping[str, Any]:
    """The first line of a file as a JSON object; an empty one where it is none."""
    for line in head(path).splitlines()[:1]:
        try:
            return mapping(json.loads(line))
        except (ValueError, RecursionError):
            return NOTHING
    return NOTHING


def document(path: Path, *, largest: int = LARGEST_DOCUMENT) -> Any:
    """The whole file as one JSON value."""
    try:
        with path.open("rb") as stream:
            text = stream.read(largest + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(text) > largest:
        problem = f"the document is larger than {largest} bytes"
        raise ScoresError(file=str(path), problem=problem, remedy="Split it, or export JSON lines")
    return parsed(text, path=path)


def lines(
    path: Path, *, longest: int = LONGEST_LINE, unique: bool = False
) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file that holds one on each line, with the place of each.

    With *unique*, an object that has a key twice is an error.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with stream:
        number = 0
        while line := stream.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise ScoresError(
                    file=str(path),
                    place=f"line {number}",
                    problem=f"the line is longer than {longest} bytes",
                    remedy="Write one result per line",
                )
            if line.strip():
                place = f"line {number}"
                value = parsed(line, path=path, place=place)
                if unique and (problem := json_keys.doubled(line)) is not None:
                    remedy = "Keep one of them"
                    raise ScoresError(file=str(path), place=place, problem=problem, remedy=remedy)
                yield place, value


def parsed(text: bytes, *, path: Path, place: str = "") -> Any:
    """JSON, with the constants NaN and Infinity that several tools write."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScoresError(
            file=str(path),
            place=place,
            problem=f"is not JSON ({error}): {cut(text[:80].decode(errors='replace'), 60)!r}",
            remedy="Export the file again, or repair it",
        ) from None


def unreadable(path: Path, error: OSError) -> ScoresError:
    """The error for a file that the system does not let us read."""
    problem = f"cannot be read ({error.strerror})"
    return ScoresError(file=str(path), problem=problem, remedy="Check the path")


def mapping(value: object) -> Mapping[str, Any]:
    """*value* where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else NOTHING


def entries(value: object) -> list[Any]:
    """*value* where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """*value* as a name: text as it is, numbers as written, nothing of the rest."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def count(value: object) -> int | None:
    """*value* where it is a whole number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LARGEST_COUNT else None


def amount(value: object) -> float | None:
    """*value* where it is a number from 0 on that a clock or a bill can show."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= LARGEST_AMOUNT else None


def micro_dollars(dollars: float | None) -> int | None:
    """Dollars in whole millionths."""
    return None if dollars is None else round(dollars * 1e6)
