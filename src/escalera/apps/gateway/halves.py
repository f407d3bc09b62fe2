"""Halves of characters in JSON: escapes of one UTF-16 surrogate without the other.

Some servers cut their answers between the two halves of an emoji, and write each into an event of
its own. By the letter this is JSON, and callers put it together again; but it is no Unicode, and
readers refuse it (RFC 8259, section 8.2). So what passes through is left as it is, and only what is
read of it here has a replacement character in its place.
"""

from __future__ import annotations

import re


def first(body: bytes) -> tuple[int, str] | None:
    """Where the first half of a character stands in JSON, and its escape; None without one."""
    for found in _ESCAPE.finditer(body):
        if found["half"]:
            return found.start(), found[0].decode("ascii")
    return None


def mended(body: bytes) -> bytes:
    """JSON with a replacement character for each half of one; as long as it was."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], body)


# Below: private.

_HEX = rb"[0-9a-fA-F]{2}"
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]" + _HEX + rb"\\u[dD][c-fC-F]" + _HEX
    + rb"|(?P<half>u[dD][89a-fA-F]" + _HEX + rb")|.)"
)  # fmt: skip
