"""The audit log as text: one JSON object a line, each with the hash of the one before it.

A line holds its number, its act, the hash of the line before (`before`) and its own (`hash`), the
SHA-256 of everything else in it. The text of a line is fixed by its contents, so a changed byte is
noticed wherever it is: it breaks the JSON, the text or a hash. Lines that were removed from the end
are noticed by whoever knows a later head; lines that someone with write access wrote anew from one
place on are, too. So keep the head that `audit verify` tells somewhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from escalera.domain.act import Act, ActKind

GENESIS = "0" * 64
"""The hash before the first line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line that holds, with its number from 1."""

    number: int
    act: Act
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The entries up to the first that does not hold, and what is wrong with that one."""

    entries: tuple[Entry, ...]
    broken: str = ""

    @property
    def head(self) -> str:
        """The hash of the last entry that holds."""
        return self.entries[-1].hash if self.entries else GENESIS


def line(act: Act, *, number: int, before: str) -> dict[str, object]:
    """The line of an act that follows the hash *before*."""
    content: dict[str, object] = {"number": number, **asdict(act), "before": before}
    content["details"] = dict(act.details)
    return {**content, "hash": _hash(content)}


def text(content: Mapping[str, object]) -> bytes:
    """How a line is written, without its end."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def checked(data: bytes) -> Checked:
    """Every entry of a log, as far as it holds."""
    lines = data.split(b"\n")
    found = chained(lines[:-1])
    if lines[-1] and not found.broken:
        return Checked(entries=found.entries, broken=f"entry {len(lines)} has no end of line")
    return found


def chained(lines: Sequence[bytes]) -> Checked:
    """The entries of whole lines, as far as they hold: what a new line is chained to."""
    entries: list[Entry] = []
    before = GENESIS
    for place, written in enumerate(lines, start=1):
        found = read(written, number=place, before=before)
        if isinstance(found, str):
            return Checked(entries=tuple(entries), broken=f"entry {place} {found}")
        entries.append(found)
        before = found.hash
    return Checked(entries=tuple(entries))


def read(written: bytes, *, number: int, before: str) -> Entry | str:
    """The entry of a line, or what is wrong with it."""
    content = _claimed(written)
    if list(content) != _KEYS or text(content) != written:
        return "is not a line as Escalera writes it"
    found = content.pop("hash")
    if found != _hash(content):
        return "does not have the hash of what it says"
    if content["number"] != number or content["before"] != before:
        return "does not follow the entry before it"
    if content["kind"] not in get_args(ActKind):
        return f"holds an act {content['kind']!r} that this Escalera does not know"
    act = {name: content[name] for name in ("at", "who", "kind", "subject", "details")}
    return Entry(number=number, act=Act(**act), hash=found)


# Below: private.

_KEYS = ["number", "at", "who", "kind", "subject", "details", "before", "hash"]


def _hash(content: Mapping[str, object]) -> str:
    return hashlib.sha256(text(content)).hexdigest()


def _claimed(written: bytes) -> dict[str, Any]:
    """What a line says, whether it is right or not; nothing where it is no JSON object."""
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
