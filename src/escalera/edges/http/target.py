"""Whom a client asks and how long it waits: the head of its requests, written once."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult

from escalera.errors import InputError

Method = Literal["GET", "POST"]
CONNECT, FIRST_BYTE, IDLE, TOTAL = 10.0, 60.0, 60.0, 600.0
KEPT, KEPT_SECONDS = 256, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds that an exchange may take, and how many idle connections are kept for how long.

    `first_byte` runs from the request to the first byte of the body, `idle` between two pieces of
    it, `total` over everything from the connection on. They are looked at every `tick` seconds, so
    that is how late the end may come.
    """

    connect: float = CONNECT
    first_byte: float = FIRST_BYTE
    idle: float = IDLE
    total: float = TOTAL
    kept: int = KEPT
    kept_seconds: float = KEPT_SECONDS

    @property
    def tick(self) -> float:
        """Seconds between two looks at the clock: a twentieth of the shortest limit, within 1/4."""
        return min(0.25, max(0.01, min(self.first_byte, self.idle, self.total) / 20))


def trusting(ca_file: Path | None = None) -> ssl.SSLContext:
    """Verifies servers by the system's certificates, or by those of a PEM file instead.

    Takes some 30 ms and a megabyte: one is enough for all hosts. Raises `InputError`.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"ca_file: no certificates can be read from {str(ca_file)!r} ({error}). "
            "Give a file of PEM certificates that there is."
        ) from error


class Target:
    """One host, and what every request to it begins with.

    `fields` go with every request, beside Host, the framing and the wish for a body as it is. An
    https host is verified by `tls`, by default as the system does.
    """

    def __init__(
        self, base: SplitResult, *, fields: Mapping[str, str], tls: ssl.SSLContext | None = None
    ) -> None:
        secure = base.scheme == "https"
        self.host = base.hostname or ""
        self.tls = (tls or trusting()) if secure else None
        self.port = base.port or (443 if secure else 80)
        self._prefix = base.path.rstrip("/")
        every = {"Accept-Encoding": "identity", **fields}
        given = _written([(name.encode(), text.encode()) for name, text in every.items()])
        self._fields = f"Host: {base.netloc}\r\n".encode() + given
        self._heads: dict[str, bytes] = {}

    def head(
        self,
        path: str,
        length: int,
        headers: Sequence[tuple[bytes, bytes]],
        *,
        method: Method = "POST",
    ) -> bytes:
        """The head of a request for *path* below the base URL with a body of *length* bytes.

        Raises `InputError` where a header could be read as more than one, or sets the framing.
        """
        fixed = self._heads.get(path) if method == "POST" else self._start(path, method)
        if fixed is None:
            fixed = self._heads[path] = self._start(path, method)
        if headers:
            return b"%b%b%d\r\n\r\n" % (fixed, _written(headers) + _LENGTH, length)
        return b"%b%b%d\r\n\r\n" % (fixed, _LENGTH, length)

    def _start(self, path: str, method: Method) -> bytes:
        if not _PATH.fullmatch(path):
            raise InputError(
                f"the path {path!r} is none: it starts with a slash and has letters of ASCII only"
            )
        return f"{method} {self._prefix}{path} HTTP/1.1\r\n".encode() + self._fields


_PATH = re.compile(r"/[!-~]{0,200}")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
_FRAMING = frozenset(
    {b"connection", b"content-length", b"expect", b"host", b"te", b"transfer-encoding", b"upgrade"}
)
_LENGTH = b"Content-Length: "


def _written(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Header fields as they travel (RFC 9110, section 5)."""
    lines = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InputError(
                f"the header {name!r} cannot be sent: a name is a word and a value is one line"
            )
        if name.lower() in _FRAMING:
            raise InputError(f"the header {name!r} cannot be set: the client frames its requests")
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines)
