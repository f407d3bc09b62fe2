"""What the routes beside the hot paths have in common: letting callers in, bodies, pages.

Where a gateway asks for no key, whoever reaches it may ask; a page of another origin may not, since
a browser would let it in the name of whoever looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from escalera.apps.gateway import arrival, wire
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.hot import Entrance
from escalera.apps.gateway.wire import Refusal

MAX_BODY = 256 * 1024
"""Bytes of a JSON body."""
LONGEST_ID = 200
"""Characters of an id that is told again in an error."""
METADATA = 16, 64, 512
"""Pairs of metadata, and characters of a name and of a value, as OpenAI's API bounds them."""

Body = TypeVar("Body", bound=msgspec.Struct)
Entry = TypeVar("Entry")


async def let_in(entrance: Entrance, request: Request) -> Caller:
    """Who asks. Raises `Refusal`."""
    if request.method not in {"GET", "HEAD"}:
        arrival.check(request.scope, is_open=entrance.is_open)
    shown = arrival.token(request.scope)
    return entrance.known(shown) or await entrance.enter(shown)


async def body(request: Request, kind: type[Body]) -> Body:
    """The JSON body as *kind*; an empty one is `{}`. Raises `Refusal`."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in {"", "application/json"}:
        raise Refusal(
            "The body cannot be read. Send it as 'Content-Type: application/json'.",
            status=415,
            code="unsupported_media_type",
        )
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > MAX_BODY:
            raise arrival.too_long(MAX_BODY)
    try:
        return msgspec.json.decode(bytes(found) or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise wire.invalid(str(error)) from error
    except wire.UNREADABLE as error:
        raise Refusal(f"The body is not a JSON object: {error}.") from error


def checked_metadata(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    """The metadata, none for null. Raises `Refusal` where there is too much of it."""
    pairs, name, value = METADATA
    found = metadata or {}
    fits = all(len(key) <= name and len(text) <= value for key, text in found.items())
    if len(found) > pairs or not fits:
        raise Refusal(
            f"metadata has at most {pairs} pairs, of names of at most {name} characters and "
            f"values of at most {value}.",
            param="metadata",
        )
    return found


def count(request: Request, name: str, *, usual: int, most: int) -> int:
    """A number of the query, from 1 to *most*. Raises `Refusal`."""
    said = request.query_params.get(name)
    if said is None:
        return usual
    if not (said.isascii() and said.isdigit() and len(said) <= 9 and 1 <= int(said) <= most):
        told = f"{name} is {said[:LONGEST_ID]!r}, and is to be a number from 1 to {most}."
        raise Refusal(told, param=name)
    return int(said)


def choice(request: Request, name: str, of: Sequence[str], *, usual: str) -> str:
    """A word of the query, one of *of*. Raises `Refusal`."""
    said = request.query_params.get(name, usual)
    if said != usual and said not in of:
        told = f"{name} is {said[:LONGEST_ID]!r}, and is to be one of {', '.join(map(repr, of))}."
        raise Refusal(told, param=name)
    return said


def missing(kind: str, id_: str, *, status: int = 404, param: str = "id") -> Refusal:
    """The refusal of an id that is unknown, or somebody else's."""
    return Refusal(
        f"There is no {kind} {id_[:LONGEST_ID]!r} of yours.",
        status=status,
        code="not_found",
        param=param,
    )


def page(
    entries: Sequence[Entry], limit: int, shown: Callable[[Entry], Mapping[str, Any]]
) -> Response:
    """A page of a list, made of *entries*, of which there is one more where the page has more."""
    data = [shown(entry) for entry in entries[:limit]]
    return json(
        {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
            "has_more": len(entries) > limit,
        }
    )


def json(found: Mapping[str, Any]) -> Response:
    """A JSON response that nobody keeps."""
    return Response(
        msgspec.json.encode(found),
        media_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
