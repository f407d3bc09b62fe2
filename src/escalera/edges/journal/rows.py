"""Events as rows: a kind, a version and canonical JSON, chained by hash.

The chain makes any change of an earlier row visible: each row's hash covers its own bytes and the
hash before it. Rows are never rewritten; an older version of a kind is upcast when it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from escalera.domain.event import Event, Judged, Observed
from escalera.domain.identity import canonical
from escalera.errors import JournalCorrupt

VERSION = 1
GENESIS = "0" * 64

KINDS: Mapping[str, type] = {kind.__name__.lower(): kind for kind in get_args(Event)}


def encode(event: Event) -> tuple[str, bytes]:
    """Kind and canonical JSON of an event."""
    return type(event).__name__.lower(), canonical(event)


def decode(kind: str, version: int, body: bytes, *, at: int) -> Event:
    """The event of a row. Raises `JournalCorrupt` when it is none that this version knows."""
    if kind not in KINDS or version > VERSION:
        raise JournalCorrupt(
            f"row {at} holds an event {kind!r} of version {version}, which this Escalera does not "
            "know: use the version that wrote the journal, or a newer one"
        )
    try:
        event: Any = msgspec.json.decode(body, type=KINDS[kind])
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"row {at} ({kind}) cannot be read: {error}") from error
    return event  # type: ignore[no-any-return]


def request_of(event: Event) -> str | None:
    """The key of what was asked, of an answer that was bought; None of any other event."""
    return event.request if isinstance(event, Observed | Judged) and event.bought else None


def link(before: str, kind: str, version: int, body: bytes) -> str:
    """The hash of a row that follows the row with hash *before*."""
    chained = hashlib.sha256()
    for part in (before.encode(), kind.encode(), str(version).encode(), body):
        chained.update(len(part).to_bytes(8, "big"))
        chained.update(part)
    return chained.hexdigest()
