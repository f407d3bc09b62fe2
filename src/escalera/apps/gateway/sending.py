"""The bytes of a file as a response, or the one range of them that is asked for.

The file is open before anything is said, so one that is removed meanwhile is sent to its end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from escalera.apps.gateway.wire import Refusal

PIECE = 256 * 1024
"""Bytes that are read at a time, by a thread."""


async def sent(request: Request, path: Path, *, size: int, name: str, digest: str) -> Response:
    """The response. Raises `FileNotFoundError`, and `Refusal` for a range behind the end."""
    first, last = 0, size - 1
    wanted = _range(request, size, digest)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        "Content-Type": "application/octet-stream",
        "ETag": f'"{digest}"',
        "X-Content-Type-Options": "nosniff",
    }
    if wanted is not None:
        first, last = wanted
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    file = await asyncio.to_thread(path.open, "rb")
    pieces = _pieces(file, first, last - first + 1)
    return StreamingResponse(pieces, status_code=status, headers=headers)


# Below: private.

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def _pieces(file: BinaryIO, first: int, length: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(first)
        while length:
            piece = await asyncio.to_thread(file.read, min(PIECE, length))
            if not piece:
                raise EOFError(f"{file.name} is shorter than it was")
            length -= len(piece)
            yield piece


def _range(request: Request, size: int, digest: str) -> tuple[int, int] | None:
    """First and last byte of the range that is asked for; None for all of it.

    Several ranges, and what is no range, are answered with all of it, as RFC 9110 (14.2) allows.
    """
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or request.headers.get("if-range", f'"{digest}"') != f'"{digest}"':
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    begin = int(first) if first else max(0, size - int(last))
    end = min(size - 1, int(last)) if first and last else size - 1
    if first and last and int(last) < int(first):
        return None
    if begin >= size:
        told = f"The range begins behind the end: the file has {size} bytes."
        raise Refusal(told, status=416, code="range_not_satisfiable")
    return begin, end
