"""The administration of a gateway over HTTP: a server of its own, with a key of its own.

It does what the commands `gateway`, `keys`, `audit` and `sla` do, in the same record. Everything
needs the key as a bearer token, which no browser sends by itself; what changes something also needs
a JSON body, which no form of another site can send. The key is needed on the loopback address too:
a page in a browser on the same machine is no operator.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from escalera.apps import audited, issued, kept
from escalera.apps.gateway import arrival, failing
from escalera.apps.gateway.admitting import wrong_key
from escalera.apps.gateway.protocol import LeanProtocol
from escalera.apps.gateway.running import Running, Taken
from escalera.apps.gateway.wire import Refusal
from escalera.apps.issued import Wish
from escalera.domain.access import Allowance, Key, Limits, Standing, Window
from escalera.errors import EscaleraError, EvidenceMissing
from escalera.wiring import stores

MAX_BODY = 64 * 1024
"""Bytes of a request."""
LEAST_KEY = 16
"""Characters of a key that is worth the name."""

Body = TypeVar("Body", bound=msgspec.Struct)
Answer = Callable[["Admin", Request], Awaitable[Response]]


class Rollback(msgspec.Struct, forbid_unknown_fields=True):
    """Which version to go back to; without one, the one before the present."""

    version: int | None = None


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """What a key is to be good for; `money` in US dollars, `expires` seconds since the epoch."""

    name: str
    account: str = ""
    models: list[str] = []
    money: float | None = None
    window: Window = "total"
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires: float | None = None


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """For how many seconds the secret of now stays good."""

    overlap: float = 86_400.0


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An act that needs no more than its name: the body is `{}`."""


class Admin:
    """The acts on the gateway of the project in *file*."""

    def __init__(self, file: Path, key: str) -> None:
        self._file = file
        self._key = key.encode()

    def let_in(self, request: Request) -> None:
        """Compare keys in constant time. Raises `Refusal`."""
        if not hmac.compare_digest(arrival.token(request.scope), self._key):
            raise wrong_key()

    async def status(self, _: Request) -> Response:
        """Which workers run, and by which configuration each goes."""
        running = Running(self._file)
        workers = [
            {"slot": one.slot, "pid": one.pid, "version": one.version, "refused": one.refused}
            for one in running.standings()
        ]
        found = {"pid": running.leader(), "version": running.version(), "workers": workers}
        return _json(found)

    async def metrics(self, _: Request) -> Response:
        """The counts of all workers in Prometheus' format."""
        text = Running(self._file).metrics()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def versions(self, _: Request) -> Response:
        """The configurations that the gateway was given."""
        running = Running(self._file)
        return _json({"current": running.version(), "versions": running.versions()})

    async def reload(self, request: Request) -> Response:
        """Take up the project file as it is now."""
        await _body(request, Nothing)
        return _taken(await asyncio.to_thread(Running(self._file).reload))

    async def rollback(self, request: Request) -> Response:
        """Go back to an earlier configuration."""
        asked = await _body(request, Rollback)
        return _taken(await asyncio.to_thread(Running(self._file).rollback, asked.version))

    async def keys(self, _: Request) -> Response:
        """Every key, without secrets, and what it has spent."""
        found = await asyncio.to_thread(issued.of(self._file).all)
        return _json({"keys": [_told(key) | _money(standings) for key, standings in found]})

    async def create(self, request: Request) -> Response:
        """A new key; its secret is told this once."""
        asked = await _body(request, NewKey)
        wish = Wish(
            name=asked.name,
            account=asked.account,
            models=tuple(asked.models),
            limits=Limits(requests=asked.requests_per_minute, tokens=asked.tokens_per_minute),
            allowance=None
            if asked.money is None
            else Allowance(micro_dollars=round(asked.money * 1_000_000), window=asked.window),
            expires=asked.expires,
        )
        key, secret = await asyncio.to_thread(issued.of(self._file).create, wish)
        return _json(_told(key) | {"secret": secret}, status=201)

    async def rotate(self, request: Request) -> Response:
        """A new secret for a key, told this once."""
        asked, issuing = await _body(request, Rotation), issued.of(self._file)
        wanted = request.path_params["key"]
        key, secret = await asyncio.to_thread(issuing.rotate, wanted, overlap=asked.overlap)
        return _json(_told(key) | {"secret": secret})

    async def revoke(self, request: Request) -> Response:
        """Make a key good for nothing."""
        await _body(request, Nothing)
        wanted = request.path_params["key"]
        return _json(_told(await asyncio.to_thread(issued.of(self._file).revoke, wanted)))

    async def acts(self, _: Request) -> Response:
        """The record of every administrative act, and whether it holds."""
        found = audited.checked(stores.of(self._file).audit_file)
        acts = [
            {"number": one.number, "hash": one.hash, **asdict(one.act)} for one in found.entries
        ]
        return _json({"acts": acts, "head": found.head, "broken": found.broken})

    async def sla(self, _: Request) -> Response:
        """What providers promised, and what they kept."""
        now = stores.wall_clock()()
        found = await asyncio.to_thread(kept.kept, self._file, since=None, until=now)
        return _json(kept.document(found))


def application(file: Path, key: str) -> Starlette:
    """The ASGI application. Raises `Refusal` for a key that could be guessed."""
    if len(key) < LEAST_KEY:
        raise Refusal(
            f"The key of the administration has {len(key)} characters and needs at least "
            f"{LEAST_KEY}. `openssl rand -hex 24` makes a good one."
        )
    admin = Admin(file, key)

    def route(path: str, method: str, act: Answer) -> Route:
        async def answer(request: Request) -> Response:
            admin.let_in(request)
            return await act(admin, request)

        return Route(path, answer, methods=[method])

    return Starlette(
        routes=[
            route("/admin/status", "GET", Admin.status),
            route("/metrics", "GET", Admin.metrics),
            route("/admin/configurations", "GET", Admin.versions),
            route("/admin/configurations/reload", "POST", Admin.reload),
            route("/admin/configurations/rollback", "POST", Admin.rollback),
            route("/admin/keys", "GET", Admin.keys),
            route("/admin/keys", "POST", Admin.create),
            route("/admin/keys/{key}/rotate", "POST", Admin.rotate),
            route("/admin/keys/{key}/revoke", "POST", Admin.revoke),
            route("/admin/audit", "GET", Admin.acts),
            route("/admin/sla", "GET", Admin.sla),
        ],
        exception_handlers=dict.fromkeys((EscaleraError, HTTPException, Exception), _failed),
    )


def server(file: Path, key: str) -> uvicorn.Server:
    """What serves it. Raises `Refusal` for a key that could be guessed, and `ProjectError` where
    there is no project.
    """
    stores.of(file)
    config = uvicorn.Config(
        application(file, key),
        http=LeanProtocol,
        log_config=None,
        access_log=False,
        ws="none",
        proxy_headers=False,
        server_header=False,
    )
    return uvicorn.Server(config)


# Below: private.


async def _body(request: Request, kind: type[Body]) -> Body:
    """The body as *kind*. Raises `Refusal` unless it is said to be JSON, and is."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != "application/json":
        raise Refusal(
            "Send a JSON body with the header 'Content-Type: application/json'.", status=415
        )
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise Refusal(f"The body is longer than {MAX_BODY} bytes.", status=413)
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal(f"The body cannot be used: {error}.") from error


def _taken(taken: Taken) -> Response:
    found = {
        "before": taken.before,
        "version": taken.now,
        "refused": list(taken.refused),
        "waiting": taken.waiting,
    }
    return _json(found, status=200 if taken.whole else 409)


def _told(key: Key) -> dict[str, Any]:
    """A key without anything secret."""
    money = key.allowance
    return {
        "id": key.id,
        "name": key.name,
        "account": key.account,
        "models": list(key.models),
        "requests_per_minute": key.limits.requests,
        "tokens_per_minute": key.limits.tokens,
        "money": None if money is None else money.micro_dollars / 1_000_000,
        "window": None if money is None else money.window,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
    }


def _money(standings: Sequence[Standing]) -> dict[str, Any]:
    return {"standings": [asdict(one) for one in standings]}


def _json(found: Mapping[str, Any], *, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(
        msgspec.json.encode(found),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )


async def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, EvidenceMissing):
        error = Refusal(str(error), status=404)
    reply = failing.of_error(error, where=f"{request.method} {request.url.path}")
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(
        reply.body, status_code=reply.status, media_type="application/json", headers=headers
    )
