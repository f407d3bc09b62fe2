"""What can be asked by name, as OpenAI's API tells it: list and retrieve, and delete what was
finetuned here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from escalera.apps.gateway import rooms
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.hot import Entrance
from escalera.apps.gateway.regime import Regime
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import finetuned
from escalera.domain.job import GateWord, Published
from escalera.errors import StoreUnavailable

PATH = "/v1/models"
"""Where models are listed."""
HERE = "escalera"
"""Who owns what stands in the project file."""


class Offering(Protocol):
    """A gateway with what can be asked of it."""

    @property
    def regime(self) -> Regime: ...

    async def look(self) -> None:
        """Know what is on the shelf now. Raises `StoreUnavailable`."""

    async def withdraw(self, model: Published, *, by: str) -> None:
        """Take a finetuned model away. Raises `LinesError` and `StoreUnavailable`."""


class Model(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A name that can be asked; the last three are of finetuned models."""

    id: str
    object: str
    created: int
    owned_by: str
    parent: str = ""
    job: str = ""
    gate: GateWord | None = None


def routes(entrance: Entrance, *, started: int) -> list[Route]:
    """The routes; names of the project file are as old as this process."""

    async def listed(request: Request) -> Response:
        caller = await rooms.let_in(entrance, request)
        gateway: Offering = request.app.state.gateway
        with suppress(StoreUnavailable):  # then those that are known are told
            await gateway.look()
        seen = _seen(gateway, caller, started)
        found = [one for one in seen if not caller.models or one.id in caller.models]
        return _json({"object": "list", "data": found})

    async def one(request: Request) -> Response:
        caller = await rooms.let_in(entrance, request)
        gateway: Offering = request.app.state.gateway
        await gateway.look()
        found = _named(request, _seen(gateway, caller, started))
        if request.method == "DELETE":
            await _withdraw(gateway, caller, found.id)
            return _json({"id": found.id, "object": "model", "deleted": True})
        return _json(found)

    return [
        Route(PATH, listed, methods=["GET"]),
        Route(PATH + "/{name:path}", one, methods=["GET", "DELETE"]),
    ]


# Below: private.


def _seen(gateway: Offering, caller: Caller, started: int) -> Iterator[Model]:
    """What a caller may know of."""
    board = gateway.regime.board
    for name in board.plans:
        model = board.shelved.get(name)
        if model is None:
            yield Model(id=name, object="model", created=started, owned_by=HERE)
        elif finetuned.may_ask(caller.key, name, model.owner):
            yield Model(
                id=name,
                object="model",
                created=int(model.created),
                owned_by=model.owner or HERE,
                parent=model.base,
                job=model.job,
                gate=model.gate,
            )


def _named(request: Request, seen: Iterator[Model]) -> Model:
    wanted = request.path_params["name"]
    for model in seen:
        if model.id == wanted:
            return model
    said = f"There is no model {wanted[: finetuned.LONGEST]!r} here."
    raise Refusal(said, status=404, code="model_not_found", param="model")


async def _withdraw(gateway: Offering, caller: Caller, name: str) -> None:
    """Take a finetuned model away. Raises `Refusal`."""
    model = gateway.regime.board.shelved.get(name)
    if model is None:
        said = f"{name!r} stands in the project file; only a finetuned model can be deleted."
    elif not finetuned.may_withdraw(caller.key, model.owner):
        said = f"{name!r} is not this API key's: only its owner can delete it."
    else:
        await gateway.withdraw(model, by=caller.key.id)
        return
    raise Refusal(said, status=403, code="model_not_deletable", param="model")


def _json(found: object) -> Response:
    return Response(msgspec.json.encode(found), media_type="application/json")
