"""The gateway: OpenAI's API in front of everything that can be asked by name.

The hot paths are served bare; everything else is Starlette's.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from escalera.apps.gateway import boards, catalogue, failing, fields, hiding
from escalera.apps.gateway.admitting import OneKey
from escalera.apps.gateway.asking import Asking, Patience
from escalera.apps.gateway.books import Keeping, Sink, WaitingSink
from escalera.apps.gateway.checkpoint import Checkpoint
from escalera.apps.gateway.filtering import Filter
from escalera.apps.gateway.gathering import at_once
from escalera.apps.gateway.guarded import Guarding
from escalera.apps.gateway.hot import (
    Clocks,
    Entrance,
    Hot,
    Parts,
    Scope,
    Send,
)
from escalera.apps.gateway.inside import ByName, Inside
from escalera.apps.gateway.lane import Lane
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.regime import Bounds, Regime
from escalera.apps.gateway.remembering import Asks, Remembering
from escalera.apps.gateway.shelving import Rack, Shelving
from escalera.apps.gateway.watching import Receive
from escalera.apps.gateway.wire import Refusal
from escalera.domain.job import Published
from escalera.engine.serve import Desk
from escalera.errors import EscaleraError, StoreUnavailable
from escalera.ports.serving import Cohorts
from escalera.settings.gateway_table import GatewayTable
from escalera.wiring import guards

JSON = "application/json"
Room = Callable[[Entrance], Sequence[Route]]
"""Routes beside the hot paths, whose callers an entrance lets in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a gateway is made of besides its desk: its table, and the file that it stands in.

    `entrance` lets callers in; None where one key does for all. `sink` takes a record of every
    request, None where there is no log, and `waiting_sink` where it is waited for. `beside`
    is what runs as long as the gateway does, and `tell` says to the operator what callers are not
    told. `rooms` are what else is served, and `shelving` knows the finetuned models, which were
    read once. With `lane` what needs nothing to wait for takes the fast lane; `gathering` finds
    what does together what many requests of a turn do alike. `is_full` says whether there is room
    for another caller.
    """

    table: GatewayTable = field(default_factory=GatewayTable)
    file: str = "escalera.toml"
    entrance: Entrance | None = None
    metrics: Metrics = field(default_factory=Metrics)
    sink: Sink | None = None
    waiting_sink: WaitingSink | None = None
    beside: Callable[[Gateway], AbstractAsyncContextManager[None]] | None = None
    tell: Callable[[str], None] | None = None
    rooms: Sequence[Room] = ()
    shelving: Shelving | None = None
    lane: bool = True
    gathering: Callable[[], Cohorts] = at_once
    is_full: Callable[[], bool] = lambda: False


class Gateway:
    """The ASGI application; run it with uvicorn: `uvicorn.run(gateway, log_config=None)`."""

    def __init__(
        self,
        hot_paths: Hot,
        rest: Starlette,
        desk: Desk,
        inside: Inside,
        setup: Setup,
    ) -> None:
        self._hot = hot_paths
        self.gathering = setup.gathering
        self.is_full = setup.is_full
        self.inside = inside
        self.lane = Lane(hot_paths, setup.gathering) if setup.lane else None
        self._shelving = setup.shelving
        self._rest = rest
        rest.state.gateway = self
        self._closing: set[asyncio.Task[None]] = set()
        self.desk = desk
        self._stock(hot_paths.regime)

    @property
    def regime(self) -> Regime:
        """What requests that begin now go by."""
        return self._hot.regime

    def names(self) -> tuple[str, ...]:
        """Everything that can be asked for."""
        return tuple(self.regime.board.plans)

    def adopt(self, desk: Desk, regime: Regime) -> None:
        """Go by another configuration from the next request on.

        The desk that was used until now is closed when its last request has ended.
        """
        before, old = self.desk, self._hot.regime
        self.desk, self._hot.regime, self.inside.hot.regime = desk, regime, regime
        loop = asyncio.get_running_loop()

        def close() -> None:
            task = loop.create_task(before.close(successor=desk))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

        self._stock(regime)
        old.retire(close)

    async def look(self) -> None:
        """Offer all finetuned models that are on the shelf now. Raises `StoreUnavailable`."""
        if self._shelving is not None:
            await self._shelving.look()
            self._stock(self.regime)

    async def withdraw(self, model: Published, *, by: str) -> None:
        """Take a finetuned model away; *by* is the id of the key that asks for it.

        Raises `LinesError` where that cannot be recorded, and `StoreUnavailable`.
        """
        if self._shelving is not None:
            await self._shelving.withdraw(model, by=by)
            self._stock(self.regime)

    def watching(self) -> AbstractAsyncContextManager[None]:
        """Go by what is on the shelf as long as this lasts."""
        if self._shelving is None:
            return nullcontext()
        return self._shelving.watching(lambda: self._stock(self.regime))

    def _stock(self, regime: Regime) -> None:
        if self._shelving is not None:
            regime.stock(self._shelving)

    async def close(self) -> None:
        """Close what answers; called once, when serving ends."""
        await asyncio.gather(*self._closing)
        await self.desk.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's calls at its beginning and end."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in fields.PATHS:
            await self._hot(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def application(
    desk: Desk, *, api_key: str | None, now: Callable[[], float], setup: Setup | None = None
) -> Gateway:
    """The gateway of a desk. With *api_key*, everything but `/health` and `/ready` needs it; *now*
    is wall time.

    Raises `ProjectError` for a name in the table of *setup* that nobody answers to.
    """
    setup = setup or Setup()
    entrance, shelving = setup.entrance or OneKey(api_key), setup.shelving
    regime = regime_of(desk, setup.table, now=now, file=setup.file, tell=setup.tell)
    parts = Parts(
        entrance=entrance,
        books=Keeping(setup.metrics, setup.sink, setup.waiting_sink),
        clocks=Clocks(seconds=time.monotonic, wall=now),
        name=_names(),
        look=None if shelving is None else _looking(shelving),
    )
    inside = Inside(Hot(regime, replace(parts, entrance=ByName(entrance))))
    rest = _rest(entrance, now, setup)
    return Gateway(Hot(regime, parts), rest, desk, inside, setup)


def regime_of(
    desk: Desk,
    table: GatewayTable,
    *,
    now: Callable[[], float],
    file: str,
    version: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Regime:
    """What *table* is made into for *desk*. Raises `ProjectError` for a name nobody answers to."""
    rack = Rack(desk=desk, policy=boards.policy_of(table), wall=now, tell=tell)
    return Regime(
        rack=rack,
        board=boards.build(desk, table, wall=now, file=file, version=version),
        asking=_asking(table, tell),
        bounds=Bounds(
            body=table.body_bytes,
            seconds=table.seconds,
            tokens=table.max_tokens,
            bodies=table.log.bodies,
            sync=table.log.sync,
            traced=table.traces is not None,
        ),
        checkpoint=_checkpoint(table, Path(file)),
        hide=hiding.of(served.secret for served in desk.models().values()),
    )


# Below: private.


def _looking(shelving: Shelving) -> Callable[[Regime], Awaitable[None]]:
    """Looks for what was published a moment ago, for requests that go by a regime."""

    async def look(regime: Regime) -> None:
        await shelving.look()
        regime.stock(shelving)

    return look


def _asking(table: GatewayTable, tell: Callable[[str], None] | None) -> Asks:
    """Who asks for answers, and remembers them where the table says so."""
    patience = Patience(attempts=table.attempts, retries=table.retries)
    asking = Asking(clock=time.monotonic, draw=random.random, patience=patience, tell=tell)
    cache = table.cache
    if cache is None:
        return asking
    return Remembering(
        asking,
        clock=time.monotonic,
        seconds=cache.seconds,
        most=cache.megabytes * 1_000_000,
        sampled=cache.sampled,
    )


def _checkpoint(table: GatewayTable, file: Path) -> Checkpoint | None:
    """Where what passes is looked at; None where nothing is looked for."""
    limits = table.limits.limits()
    if not (table.guards or limits.active or table.enforce_schemas):
        return None
    filters = [
        Filter(
            name=name,
            asks=asked,
            action=guard.action,
            side=guard.side,
            roles=tuple(guard.roles),
            passes=guard.unsure == "pass",
        )
        for name, guard, asked in guards.filters(file, table.guards)
    ]
    return Checkpoint(
        guarding=Guarding(
            input=guards.guard_set(file, table.guards, "input"),
            output=guards.guard_set(file, table.guards, "output"),
            limits=limits,
        ),
        filters=filters,
        invalid=guards.invalid if table.enforce_schemas else None,
    )


def _names() -> Callable[[], str]:
    """Ids of requests: what no other process has, and a count."""
    own, count = secrets.token_hex(6), itertools.count(1)
    return lambda: f"req_{own}{next(count):08x}"


def _rest(
    entrance: Entrance,
    now: Callable[[], float],
    setup: Setup,
) -> Starlette:
    @asynccontextmanager
    async def lifespan(rest: Starlette) -> AsyncIterator[None]:
        gateway: Gateway = rest.state.gateway
        await entrance.open()
        beside = nullcontext() if setup.beside is None else setup.beside(gateway)
        async with beside, gateway.watching():
            yield
        await entrance.close()
        await gateway.close()

    kinds = (EscaleraError, HTTPException, ClientDisconnect, Exception)
    found = Starlette(
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/ready", _ready(entrance), methods=["GET"]),
            *catalogue.routes(entrance, started=int(now())),
            *(Route(path, _post_only, methods=["POST"]) for path in fields.PATHS),
            *(route for room in setup.rooms for route in room(entrance)),
        ],
        exception_handlers=dict.fromkeys(kinds, _failing(setup.tell)),
        lifespan=lifespan,
    )
    found.router.redirect_slashes = False  # a redirect would name whatever host a caller names
    return found


async def _health(_: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type=JSON)


def _ready(entrance: Entrance) -> Callable[[Request], Awaitable[Response]]:
    """Says whether callers are let in: 503 where the store of keys has been away for too long.

    Upstreams are no part of it: a caller is told the truth about them, which nobody could who is
    not sent here any more.
    """

    async def ready(_: Request) -> Response:
        try:
            entrance.named("")
        except Refusal as refused:
            if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise
        return Response(b'{"status":"ready"}', media_type=JSON)

    return ready


async def _post_only(_: Request) -> Response:
    """Never reached: the hot paths take every POST. Here they are for the sake of a 405."""
    raise HTTPException(404)


def _failing(tell: Callable[[str], None] | None) -> Callable[[Request, Exception], Any]:
    """Any error in OpenAI's shape; *tell* says to the operator what callers are not told."""

    async def failed(request: Request, error: Exception) -> Response:
        where = f"{request.method} {request.url.path}"
        reply = failing.of_error(error, where=where)
        if tell is not None and isinstance(error, StoreUnavailable):
            tell(f"{where}: {error}")
        headers = {name.decode(): value.decode() for name, value in reply.headers}
        return Response(reply.body, status_code=reply.status, media_type=JSON, headers=headers)

    return failed
