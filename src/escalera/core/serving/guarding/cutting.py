"""Placeholders in the place of what somebody else found at spans of a text.

The text may be JSON within a JSON string, as the arguments of a call are: then spans are of how it
reads without its escapes, and what is left is JSON again, wherever the spans begin and end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from escalera.core.serving.guarding.escapes import Escapes, meant
from escalera.core.serving.guarding.vault import Vault

Spans = Sequence[tuple[int, int]]
"""Starts and ends, apart and ascending."""


def read(text: str, *, escaped: bool) -> str:
    """*text* as it reads."""
    return meant(text) if escaped else text


def redacted(text: str, spans: Spans, kind: str, vault: Vault, *, escaped: bool) -> str:
    """*text* with placeholders for *spans*; of JSON each string has one of its own as far as it is
    touched, and a number that is touched goes whole.
    """
    escapes = Escapes()
    said = escapes.whole(text) if escaped else text
    cuts = _of_values(said, spans, escapes) if escaped and _is_json(text) else _plain(spans)
    pieces, at = [], 0
    for start, end, bare in cuts:
        name = vault.placeholder(kind, escapes.written(said, start, end), escaped=escaped)
        pieces += [escapes.written(said, at, start), f'"{name}"' if bare else name]
        at = end
    return "".join(pieces) + escapes.written(said, at, len(said))


# Below: private.


def _is_json(text: str) -> bool:
    """Arguments are none where a model came to its limit, or never wrote any."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _plain(spans: Spans) -> Iterator[tuple[int, int, bool]]:
    return ((start, end, False) for start, end in spans)


def _of_values(said: str, spans: Spans, escapes: Escapes) -> Iterator[tuple[int, int, bool]]:
    at = 0
    for first, last, bare in escapes.values(said):
        while at < len(spans) and spans[at][1] <= first:
            at += 1
        touching = at
        while touching < len(spans) and spans[touching][0] < last:
            start, end = spans[touching]
            touching += 1
            if bare:
                yield first, last, True
                break
            yield max(first, start), min(last, end), False
