"""The gateway: OpenAI's chat completions in front of a `Desk`.

An upstream failure before the first byte is a status; after it, an error event that ends the
stream. A finish reason is never invented.
"""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from escalera.apps.gateway import wire
from escalera.domain.message import Reply
from escalera.engine.serve import Answering, Desk
from escalera.errors import (
    BadReply,
    EscaleraError,
    InputError,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
)

MAX_BODY = 1024 * 1024
"""Bytes of a request."""
JSON = "application/json"


def application(desk: Desk, *, api_key: str | None, now: Callable[[], float]) -> Starlette:
    """The ASGI application. With *api_key*, everything but `/health` needs it; *now* is wall time.

    Run it with uvicorn: `uvicorn.run(application(...), host=host, port=port, log_config=None)`.
    """
    gateway = _Gateway(desk, api_key=api_key, now=now)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await desk.close()

    kinds = (EscaleraError, HTTPException, ClientDisconnect, Exception)
    return Starlette(
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/v1/models", gateway.models, methods=["GET"]),
            Route("/v1/chat/completions", gateway.chat, methods=["POST"]),
        ],
        exception_handlers=dict.fromkeys(kinds, _failed),
        lifespan=lifespan,
    )


class _Gateway:
    def __init__(self, desk: Desk, *, api_key: str | None, now: Callable[[], float]) -> None:
        self._desk = desk
        self._key = None if api_key is None else api_key.encode()
        self._now = now
        self._started = int(now())

    async def models(self, request: Request) -> Response:
        self._authorise(request)
        body = wire.model_list(self._desk.names(), created=self._started)
        return Response(body, media_type=JSON)

    async def chat(self, request: Request) -> Response:
        self._authorise(request)
        chat = wire.parse_chat(await _body(request))
        answering = await self._resolve(chat)
        heading = wire.Heading(
            id=f"chatcmpl-{secrets.token_hex(12)}",
            created=int(self._now()),
            model=chat.model,
            system=answering.system,
        )
        if chat.stream:
            return await _streamed(answering, heading, usage=chat.include_usage)
        (reply,) = await answering.provider.answer([answering.request])
        if isinstance(reply, ProviderError):
            raise reply
        reply = replace(reply, text=answering.answer(reply.text))
        body = wire.completion(reply, heading)
        return Response(body, media_type=JSON, headers=_headers(answering))

    def _authorise(self, request: Request) -> None:
        if self._key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self._key)
        if scheme.lower() != "bearer" or not right:
            raise wire.Refusal(
                "The API key is missing or wrong. Send it as 'Authorization: Bearer KEY'.",
                status=401,
                code="invalid_api_key",
            )

    async def _resolve(self, chat: wire.Chat) -> Answering:
        if chat.model not in self._desk.names():
            raise wire.Refusal(
                self._desk.unknown(chat.model), status=404, code="model_not_found", param="model"
            )
        try:
            return await self._desk.resolve(chat.model, chat.messages, chat.overrides)
        except InputError as error:
            raise wire.Refusal(str(error), param="messages") from error


async def _health(_: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type=JSON)


async def _body(request: Request) -> bytes:
    """The body, read no further than the limit."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise wire.Refusal(
                f"The body is longer than {MAX_BODY} bytes.", status=413, code="body_too_large"
            )
    return bytes(body)


async def _streamed(answering: Answering, heading: wire.Heading, *, usage: bool) -> Response:
    """A stream, opened only when the first piece is there: until then a failure is a status."""
    pieces = aiter(answering.stream())
    first = await anext(pieces)
    headers = {**_headers(answering), "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _events(first, pieces, heading, usage=usage),
        media_type="text/event-stream",
        headers=headers,
    )


async def _events(
    item: str | Reply, pieces: AsyncIterator[str | Reply], heading: wire.Heading, *, usage: bool
) -> AsyncGenerator[bytes]:
    try:
        yield wire.first_chunk(heading, usage=usage)
        while isinstance(item, str):
            yield wire.text_chunk(item, heading, usage=usage)
            item = await anext(pieces)
        yield wire.last_chunks(item, heading, usage=usage)
    except EscaleraError as error:
        yield wire.error_chunk(str(error), code=_code(error))
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


def _headers(answering: Answering) -> dict[str, str]:
    headers = {"X-Escalera-System": answering.system}
    if answering.task is not None:
        headers["X-Escalera-Task"] = quote(answering.task)
    if answering.refusal:
        headers["X-Escalera-Refusal"] = answering.refusal
    if answering.sources:
        headers["X-Escalera-Sources"] = ",".join(quote(source) for source in answering.sources)
    return headers


# Errors


async def _failed(request: Request, error: Exception) -> Response:
    """Any error in OpenAI's shape; what we did not foresee says nothing of itself."""
    headers: dict[str, str] = {}
    param = None
    match error:
        case wire.Refusal():
            status, code, param, said = error.status, error.code, error.param, error.message
        case ProviderError():
            status = _upstream_status(error)
            code, said, headers = _code(error), str(error), _retry_headers(error)
        case EscaleraError():
            status, code, said = 500, _code(error), str(error)
        case HTTPException():
            status, code = error.status_code, None
            said = f"{request.method} {request.url.path}: {error.detail}."
            headers = dict(error.headers or {})
        case ClientDisconnect():
            status, code, said = 400, None, "The body ended early."
        case _:
            status, code, said = 500, "internal_error", "Internal error; the server's log has it."
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = wire.error_body(said, status=status, code=code, param=param)
    return Response(body, status_code=status, media_type=JSON, headers=headers)


def _upstream_status(error: ProviderError) -> int:
    """Whose fault it was: what is wrong with the request is the caller's to mend."""
    match error:
        case RequestRejected():
            return 400
        case ProviderUnavailable():
            return 503
        case _:
            return 502


def _code(error: EscaleraError) -> str:
    match error:
        case ProviderUnavailable():
            return "upstream_unavailable"
        case BadReply():
            return "upstream_bad_reply"
        case ProviderError():
            return "upstream_rejected"
        case _:
            return "internal_error"


def _retry_headers(error: ProviderError) -> dict[str, str]:
    """Whether and when to try again, in the words that OpenAI's clients understand."""
    headers = {"x-should-retry": "true" if error.retryable else "false"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return headers
