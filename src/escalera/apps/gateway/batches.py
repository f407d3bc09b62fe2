"""`/v1/batches`: requests that are answered while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from escalera.apps.gateway import fields, files, rooms, working
from escalera.apps.gateway.app import Room
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.hot import Entrance
from escalera.apps.gateway.wire import Refusal
from escalera.domain.batch import BATCH_OVER, NOTHING, Batch, BatchStatus, BatchUsage, BatchWish
from escalera.errors import EvidenceMissing
from escalera.ports.jobs import BatchBook, FileStore

WINDOWS = {"24h": 86_400.0}
"""Seconds that a batch has, by OpenAI's name for them."""
MOST = 100
"""Batches of one page."""
TIMES: tuple[BatchStatus, ...] = (
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
)
"""Statuses whose times are told."""


class ExpiresAfter(msgspec.Struct):
    """When what comes of a batch is no longer kept."""

    anchor: str
    seconds: int


class NewBatch(msgspec.Struct):
    """What a caller asks for."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    output_expires_after: ExpiresAfter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the acts on batches need. *now* is wall time, *name* gives ids, and *poke* says that
    there is something to do."""

    book: BatchBook
    store: FileStore
    now: Callable[[], float]
    name: Callable[[], str]
    poke: Callable[[], None]


class Batches:
    """The acts on batches."""

    def __init__(self, office: Office, entrance: Entrance) -> None:
        self._office, self._entrance = office, entrance

    async def create(self, request: Request) -> Response:
        """Queue a batch."""
        caller = await rooms.let_in(self._entrance, request)
        asked = await rooms.body(request, NewBatch)
        wish, now = _wish(asked), self._office.now()
        batch = Batch(
            id=self._office.name(),
            wish=wish,
            created=now,
            expires=now + WINDOWS[wish.window],
            owner=caller.key.owner,
            key=caller.key.id,
            reached={"validating": now},
            usage=NOTHING,
        )
        await asyncio.to_thread(self._open, batch)
        self._office.poke()
        return rooms.json(shown(batch))

    async def listed(self, request: Request) -> Response:
        """A page of the caller's batches."""
        caller = await rooms.let_in(self._entrance, request)
        limit = rooms.count(request, "limit", usual=20, most=MOST)
        after = request.query_params.get("after", "")
        if after:
            await self._one(after, caller, status=400, param="after")
        found = await asyncio.to_thread(
            self._office.book.all, owner=caller.key.owner, after=after, limit=limit + 1
        )
        return rooms.page(found, limit, shown)

    async def retrieve(self, request: Request) -> Response:
        """How a batch stands."""
        caller = await rooms.let_in(self._entrance, request)
        return rooms.json(shown(await self._one(request.path_params["batch"], caller)))

    async def cancel(self, request: Request) -> Response:
        """Ask nothing more; what was answered until then is kept."""
        caller = await rooms.let_in(self._entrance, request)
        batch = await self._one(request.path_params["batch"], caller)
        found = await asyncio.to_thread(self._office.book.change, batch.id, self._cancelled)
        if found is None:
            raise rooms.missing("batch", batch.id)
        if found.status in BATCH_OVER:
            told = f"The batch is {found.status}, so there is nothing to cancel."
            raise Refusal(told, status=409, code="batch_over", again=False)
        self._office.poke()
        return rooms.json(shown(found))

    # Private

    def _open(self, batch: Batch) -> None:
        wish = batch.wish
        found = self._office.store.get(wish.input_file)
        if found is None or found.owner != batch.owner:
            raise rooms.missing("file", wish.input_file, status=400, param="input_file_id")
        if found.purpose != "batch":
            told = f"The file {found.id!r} was uploaded for {found.purpose!r}, not for 'batch'."
            raise Refusal(told, param="input_file_id")
        try:
            self._office.book.open(batch, self._office.store.path(found.id))
        except EvidenceMissing as error:  # deleted meanwhile
            raise rooms.missing("file", found.id, status=400, param="input_file_id") from error

    async def _one(
        self, id_: str, caller: Caller, *, status: int = 404, param: str = "batch_id"
    ) -> Batch:
        found = await asyncio.to_thread(self._office.book.get, id_)
        if found is None or found.owner != caller.key.owner:
            raise rooms.missing("batch", id_, status=status, param=param)
        return found

    def _cancelled(self, batch: Batch) -> Batch:
        if batch.status not in {"validating", "in_progress"}:
            return batch
        return working.at(batch, "cancelling", self._office.now())


def shown(batch: Batch) -> dict[str, Any]:
    """A batch in OpenAI's shape; what Escalera knows besides stands under `escalera`."""
    wish = batch.wish
    errors = [
        {
            "code": error.code,
            "message": error.message,
            "param": error.param or None,
            "line": error.line,
        }
        for error in batch.errors
    ]
    times = {f"{status}_at": batch.reached.get(status) for status in TIMES}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": wish.endpoint,
        "model": batch.model or None,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": wish.input_file,
        "completion_window": wish.window,
        "status": batch.status,
        "output_file_id": batch.output_file or None,
        "error_file_id": batch.error_file or None,
        "created_at": int(batch.created),
        "expires_at": int(batch.expires),
        **{name: None if at is None else int(at) for name, at in times.items()},
        "request_counts": {
            "total": batch.total,
            "completed": batch.completed,
            "failed": batch.failed,
        },
        "usage": None if batch.usage is None else _usage(batch.usage),
        "metadata": dict(wish.metadata),
        "escalera": {
            "waits": batch.waits,
            "starts": batch.starts,
            "lines_without_usage": None if batch.usage is None else batch.usage.untold,
        },
    }


def room(office: Office) -> Room:
    """The routes of batches."""

    def routes(entrance: Entrance) -> list[Route]:
        acts = Batches(office, entrance)
        one = "/v1/batches/{batch}"
        return [
            Route("/v1/batches", acts.create, methods=["POST"]),
            Route("/v1/batches", acts.listed, methods=["GET"]),
            Route(one, acts.retrieve, methods=["GET"]),
            Route(f"{one}/cancel", acts.cancel, methods=["POST"]),
        ]

    return routes


# Below: private.


def _usage(found: BatchUsage) -> dict[str, Any]:
    return {
        "input_tokens": found.input,
        "input_tokens_details": {"cached_tokens": found.cached},
        "output_tokens": found.output,
        "output_tokens_details": {"reasoning_tokens": found.reasoning},
        "total_tokens": found.input + found.output,
    }


def _wish(asked: NewBatch) -> BatchWish:
    """What is asked for. Raises `Refusal` for what is not offered."""
    if asked.endpoint not in fields.PATHS:
        offered = ", ".join(map(repr, fields.PATHS))
        told = f"endpoint is {asked.endpoint[:100]!r}, and batches are taken for {offered}."
        raise Refusal(told, param="endpoint")
    if asked.completion_window not in WINDOWS:
        told = f"completion_window is {asked.completion_window[:100]!r}, and is to be '24h'."
        raise Refusal(told, param="completion_window")
    after = asked.output_expires_after
    if after is not None:
        shortest, longest = files.SHORTEST_LIFE, files.LONGEST_LIFE
        if after.anchor != "created_at" or not shortest <= after.seconds <= longest:
            told = f"is to be {shortest} to {longest} seconds after 'created_at'."
            raise Refusal(f"output_expires_after {told}", param="output_expires_after")
    return BatchWish(
        endpoint=asked.endpoint,
        input_file=asked.input_file_id,
        window=asked.completion_window,
        metadata=rooms.checked_metadata(asked.metadata),
        output_seconds=None if after is None else after.seconds,
    )
