"""`/v1/files`: what callers upload, and what was made for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from escalera.apps.gateway import arrival, rooms, sending
from escalera.apps.gateway.app import Room
from escalera.apps.gateway.hot import Entrance
from escalera.apps.gateway.uploading import Form
from escalera.apps.gateway.wire import Refusal
from escalera.domain.stored_file import PURPOSES, UPLOADED, Incoming, Purpose, Space, StoredFile
from escalera.errors import EvidenceMissing
from escalera.ports.jobs import FileStore
from escalera.settings.gateway_table import FilesTable

MEGABYTE = 1_000_000
DAY = 86_400.0
LONGEST = 3600.0
"""Seconds that an upload may take; how slowly its bytes may come is the protocol's."""
AROUND = 100_000
"""Bytes that a form may have around its file."""
MOST = 10_000
"""Files of one page."""
SHORTEST_LIFE, LONGEST_LIFE = 3600, 30 * 86_400
"""Seconds that `expires_after` may give a file, as OpenAI's API bounds them."""
FIELDS = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})
OF_BATCHES = frozenset({"batch", "batch_output"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The acts on files. *table* is the one in use; *now* is wall time."""

    store: FileStore
    entrance: Entrance
    table: Callable[[], FilesTable]
    now: Callable[[], float]
    longest: float = LONGEST

    async def upload(self, request: Request) -> Response:
        """Store a file."""
        caller = await rooms.let_in(self.entrance, request)
        table, form = self.table(), Form(request.headers.get("content-type", ""))
        space = Space(
            owner=caller.key.owner,
            file=table.megabytes * MEGABYTE,
            total=table.total_megabytes * MEGABYTE,
        )
        body = _bounded(request, space.file + AROUND)
        try:
            async with asyncio.timeout(self.longest):
                found = await self.store.add(
                    form.file(body), lambda: self._about(form, caller.key.owner), space=space
                )
        except TimeoutError as error:
            told = f"An upload takes at most {self.longest:g} seconds."
            raise Refusal(told, status=408, code="upload_timeout") from error
        return rooms.json(shown(found))

    async def listed(self, request: Request) -> Response:
        """A page of the caller's files."""
        caller = await rooms.let_in(self.entrance, request)
        limit = rooms.count(request, "limit", usual=MOST, most=MOST)
        order = rooms.choice(request, "order", ("asc", "desc"), usual="desc")
        wanted = rooms.choice(request, "purpose", PURPOSES, usual="")
        after = request.query_params.get("after", "")
        if after:
            await self._one(after, caller.key.owner, status=400, param="after")
        found = await asyncio.to_thread(
            self.store.all,
            owner=caller.key.owner,
            purpose=cast("Purpose", wanted) if wanted else None,
            after=after,
            limit=limit + 1,
            oldest_first=order == "asc",
        )
        return rooms.page(found, limit, shown)

    async def retrieve(self, request: Request) -> Response:
        """What is known of a file."""
        return rooms.json(shown(await self._asked(request)))

    async def content(self, request: Request) -> Response:
        """The bytes of a file, or the range of them that is asked for."""
        found = await self._asked(request)
        try:
            path = await asyncio.to_thread(self.store.path, found.id)
            return await sending.sent(
                request, path, size=found.size, name=found.name, digest=found.digest
            )
        except (EvidenceMissing, FileNotFoundError) as error:  # removed since it was looked up
            raise rooms.missing("file", found.id) from error

    async def delete(self, request: Request) -> Response:
        """Forget a file."""
        found = await self._asked(request)
        if not await asyncio.to_thread(self.store.remove, found.id):
            raise rooms.missing("file", found.id)
        return rooms.json({"id": found.id, "object": "file", "deleted": True})

    # Private

    async def _asked(self, request: Request) -> StoredFile:
        caller = await rooms.let_in(self.entrance, request)
        return await self._one(request.path_params["file"], caller.key.owner)

    async def _one(
        self, id_: str, owner: str, *, status: int = 404, param: str = "file_id"
    ) -> StoredFile:
        found = await asyncio.to_thread(self.store.get, id_)
        if found is None or found.owner != owner:
            raise rooms.missing("file", id_, status=status, param=param)
        return found

    def _about(self, form: Form, owner: str) -> Incoming:
        """What is said of a file whose form is read. Raises `Refusal`."""
        unknown = sorted(form.names() - FIELDS)
        if unknown:
            told = f"There is no parameter {unknown[0][:100]!r}; there are file, purpose and "
            raise Refusal(f"{told}expires_after.", param=unknown[0][:100])
        purpose = form.field("purpose")
        if purpose not in UPLOADED:
            said = "is missing" if purpose is None else f"is {purpose[:100]!r}"
            offered = ", ".join(map(repr, UPLOADED))
            told = f"purpose {said}, and files are taken for {offered}."
            raise Refusal(told, param="purpose")
        form.check_lines()
        now = self.now()
        return Incoming(
            name=form.filename,
            purpose=purpose,
            created=now,
            owner=owner,
            expires=self._expires(form, purpose, now),
        )

    def _expires(self, form: Form, purpose: Purpose, now: float) -> float | None:
        anchor = form.field("expires_after[anchor]")
        seconds = form.field("expires_after[seconds]")
        if anchor is None and seconds is None:
            return expiry(self.table(), purpose, now)
        if anchor != "created_at":
            told = "expires_after.anchor is to be 'created_at': the time is counted from there."
            raise Refusal(told, param="expires_after.anchor")
        good = seconds is not None and seconds.isascii() and seconds.isdigit() and len(seconds) < 9
        if not (good and SHORTEST_LIFE <= int(seconds or 0) <= LONGEST_LIFE):
            told = f"is to be a number from {SHORTEST_LIFE} to {LONGEST_LIFE}."
            raise Refusal(f"expires_after.seconds {told}", param="expires_after.seconds")
        return now + int(seconds or 0)


def expiry(table: FilesTable, purpose: Purpose, now: float) -> float | None:
    """When a file expires of which nobody says it; None for never."""
    return now + table.batch_days * DAY if purpose in OF_BATCHES else None


def shown(file: StoredFile) -> dict[str, Any]:
    """A file in OpenAI's shape, with its digest."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": int(file.created),
        "expires_at": None if file.expires is None else int(file.expires),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
        "escalera": {"sha256": file.digest},
    }


def room(store: FileStore, table: Callable[[], FilesTable], now: Callable[[], float]) -> Room:
    """The routes of files."""

    def routes(entrance: Entrance) -> list[Route]:
        acts = Files(store=store, entrance=entrance, table=table, now=now)
        one = "/v1/files/{file}"
        return [
            Route("/v1/files", acts.upload, methods=["POST"]),
            Route("/v1/files", acts.listed, methods=["GET"]),
            Route(one, acts.retrieve, methods=["GET"]),
            Route(one, acts.delete, methods=["DELETE"]),
            Route(f"{one}/content", acts.content, methods=["GET"]),
        ]

    return routes


# Below: private.


async def _bounded(request: Request, most: int) -> AsyncIterator[bytes]:
    """The pieces of a body of at most so many bytes. Raises `Refusal`."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        raise arrival.too_long(most)
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise arrival.too_long(most)
        yield piece
