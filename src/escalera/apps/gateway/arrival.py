"""What the head of a request says: whose it is, whether its body can be read; and the body."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from escalera.apps.gateway import address
from escalera.apps.gateway.watching import Receive
from escalera.apps.gateway.wire import Refusal


def token(scope: MutableMapping[str, Any]) -> bytes:
    """The bearer token of a request; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return _bearer(value)
    return b""


def read(headers: Sequence[tuple[bytes, bytes]], *, most: int, is_open: bool) -> bytes:
    """The bearer token of a request whose body can be read. Raises `Refusal`.

    Where the gateway *is_open*, anybody who reaches it may ask: then pages of other origins are
    refused, which a browser would let ask in the name of whoever looks at them.
    """
    shown = b""
    for name, value in headers:
        if name not in _HEEDED:
            continue
        if name == b"authorization":
            shown = shown or _bearer(value)
        elif name == b"content-type":
            if value != b"application/json":
                _check_type(value)
        elif name == b"content-length":
            if len(value) > 5 and int(value) > most:
                raise too_long(most)
        elif name == b"content-encoding":
            _check_encoding(value)
        elif is_open:
            _check_near(value)
    return shown


async def body(receive: Receive, most: int) -> bytes:
    """The body of a request, read no further than the limit. Raises `Refusal`."""
    message = await receive()
    found: bytes = message.get("body", b"")
    if message.get("more_body") or len(found) > most:
        return await _rest(found, receive, most)
    return found


def trace(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The caller's `traceparent` (W3C Trace Context, section 3.2); empty where there is none.

    Of a later version what the first one has is read; what is no trace is as if it were not there.
    """
    found = [value for name, value in headers if name == b"traceparent"]
    if len(found) != 1:
        return ""
    known, more = found[0][:_KNOWN], found[0][_KNOWN:]
    is_read = not more or (more[:1] == b"-" and known[:2] != b"00")
    return known.decode() if is_read and _PARENT.fullmatch(known) else ""


def check(scope: MutableMapping[str, Any], *, is_open: bool) -> None:
    """The same for bodies of any type."""
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            _check_encoding(value)
        elif name == b"origin" and is_open:
            _check_near(value)


def too_long(most: int) -> Refusal:
    """The refusal of a body of more than *most* bytes."""
    return Refusal(f"The body is longer than {most} bytes.", status=413, code="body_too_large")


# Below: private.

_PARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_KNOWN = 55
"""Bytes of what version 00 has."""
_HEEDED = frozenset(
    {b"authorization", b"content-encoding", b"content-length", b"content-type", b"origin"}
)


async def _rest(begun: bytes, receive: Receive, most: int) -> bytes:
    """A body that comes in pieces."""
    pieces, size, more = [begun], len(begun), True
    while more and size <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("The body ended early.")
        piece = message.get("body", b"")
        pieces.append(piece)
        size, more = size + len(piece), message.get("more_body", False)
    if size > most:
        raise too_long(most)
    return b"".join(pieces)


def _bearer(value: bytes) -> bytes:
    if value[:7] == b"Bearer ":
        return value[7:].strip()
    scheme, _, given = value.partition(b" ")
    return bytes(given).strip() if scheme.lower() == b"bearer" else b""


def _check_type(value: bytes) -> None:
    kind = value.partition(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        raise _unread("as 'Content-Type: application/json'", code="unsupported_media_type")


def _check_encoding(value: bytes) -> None:
    if value.strip().lower() not in {b"", b"identity"}:
        raise _unread("in no content encoding", code="unsupported_encoding")


def _unread(how: str, *, code: str) -> Refusal:
    return Refusal(f"The body cannot be read. Send it {how}.", status=415, code=code)


def _check_near(origin: bytes) -> None:
    if not _is_near(origin):
        said = "A page of another origin may not ask a gateway that asks for no key."
        raise Refusal(said, status=403)


def _is_near(origin: bytes) -> bool:
    """Whether a page came from this machine."""
    try:
        return address.is_loopback(urlsplit(origin.decode("latin-1")).hostname or "")
    except ValueError:
        return False
