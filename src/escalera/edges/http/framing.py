"""How the body of a response is framed (RFC 9112, sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence

Fields = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values, of a head."""


def doubt(headers: Fields) -> str:
    """What makes a head one that no two readers would read alike; empty where nothing does."""
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if not codings:
        return ""
    if any(name == b"content-length" for name, _ in headers):
        return "both Content-Length and Transfer-Encoding"
    if len(codings) > 1 or codings[0].strip().lower() != b"chunked":
        return f"the transfer coding {b', '.join(codings)!r}"
    return ""


def ends_with_connection(headers: Fields) -> bool:
    """Whether a body goes on until the server closes the connection."""
    return not any(name == b"content-length" or name == b"transfer-encoding" for name, _ in headers)


def chunk_data(came: bytes) -> int:
    """Where the data begin in *came*, if it is one chunk from end to end, and not the last; 0
    where it is not, or is written in another way than most write it.

    Told for bytes that are known to begin with a chunk.
    """
    begins = came.find(b"\n", 1, 10) + 1  # sizes of nine digits are none here
    size = len(came) - begins - 2
    is_one = came[:begins] == b"%x\r\n" % size and came[-2:] == b"\r\n" and size > 0
    return begins if is_one else 0


def is_chunk(came: bytes, data: bytes) -> bool:
    """Whether *came* is the chunk with *data*, and began where a chunk begins, if *data* are all
    that a parser found in it.

    A parser that was within another chunk would have begun with the size, so data that begin with
    their own size leave a doubt.
    """
    size = b"%x\r\n" % len(data)
    return came == b"%b%b\r\n" % (size, data) and not data.startswith(size)
