"""`/v1/fine_tuning/jobs`: jobs are asked for, looked at, paused, resumed and cancelled here.

Nothing is trained in this process: the queue is on disk, and a worker takes from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from escalera.apps.gateway import arrival, job_wire, job_wishes, rooms
from escalera.apps.gateway.app import Room
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.hot import Entrance
from escalera.apps.gateway.wire import Refusal
from escalera.core.finetuning import origins
from escalera.core.serving import finetuned
from escalera.domain.job import ENDED, Job, JobEvent, JobStatus, JobWish
from escalera.errors import InputError
from escalera.ports.jobs import FileStore, JobQueue, Shelf
from escalera.settings.jobs_table import JobsTable
from escalera.wiring import stores
from escalera.wiring.stores import Stores

PATH = "/v1/fine_tuning/jobs"
BODY = 64 * 1024
"""Bytes that a request may have: a job names its files, and does not hold them."""
EVERY = 0.25
"""Seconds between two looks for further events of a job that is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What jobs are asked of: the queue, the files, and what there is to be named.

    `models` can be finetuned, and what came of them and is on the `shelf`; `tasks` can be a gate.
    `most` is how many jobs of one owner may wait. `name` makes ids, `draw` seeds, and `now` is wall
    time.
    """

    queue: JobQueue
    files: FileStore
    shelf: Shelf
    models: Callable[[], Sequence[str]]
    tasks: Callable[[], Sequence[str]]
    most: Callable[[], int]
    name: Callable[[], str]
    draw: Callable[[], int]
    now: Callable[[], float]


def opened(
    kept: Stores,
    table: Callable[[], JobsTable | None],
    *,
    models: Callable[[], Sequence[str]],
    tasks: Callable[[], Sequence[str]],
    now: Callable[[], float],
) -> Room:
    """The routes over the stores of a gateway; *models* are those that *table* may choose from.

    While there is no table, nothing is offered; the stores are opened once there is one. Raises
    `StoreUnavailable`.
    """
    made: list[Office] = []

    def office() -> Office | None:
        if table() is None:
            return None
        if not made:
            made.append(
                Office(
                    queue=kept.jobs(),
                    files=kept.files(),
                    shelf=kept.shelf(),
                    models=lambda: (table() or JobsTable()).models or models(),
                    tasks=tasks,
                    most=lambda: (table() or JobsTable()).waiting,
                    name=stores.new_job,
                    draw=stores.new_seed,
                    now=now,
                )
            )
        return made[0]

    office()  # what is wrong with the stores is told before anything is served
    return room(office)


def room(office: Callable[[], Office | None]) -> Room:
    """The routes of an office, as long as there is one."""

    def routes(entrance: Entrance) -> Sequence[Route]:
        desk = _Desk(office, entrance)
        one = PATH + "/{id}"
        return [
            Route(PATH, desk.create, methods=["POST"]),
            Route(PATH, desk.jobs, methods=["GET"]),
            Route(one, desk.retrieve, methods=["GET"]),
            Route(one + "/cancel", desk.cancel, methods=["POST"]),
            Route(one + "/pause", desk.pause, methods=["POST"]),
            Route(one + "/resume", desk.resume, methods=["POST"]),
            Route(one + "/events", desk.events, methods=["GET"]),
            Route(one + "/checkpoints", desk.checkpoints, methods=["GET"]),
        ]

    return routes


# Below: private.

_WAITS: tuple[JobStatus, ...] = ("validating_files", "queued")


class _Desk:
    def __init__(self, office: Callable[[], Office | None], entrance: Entrance) -> None:
        self._opened, self._entrance = office, entrance

    @property
    def _office(self) -> Office:
        found = self._opened()
        if found is None:
            raise Refusal(
                "Finetuning jobs are not offered here: the project file has no [gateway.jobs].",
                status=404,
                code="not_offered",
            )
        return found

    @property
    def _queue(self) -> JobQueue:
        return self._office.queue

    # Asked for

    async def create(self, request: Request) -> Response:
        caller = await self._caller(request)
        body = await _body(request)
        made = await asyncio.to_thread(self._created, body, caller)
        return _answer(made)

    def _created(self, body: bytes, caller: Caller) -> Job:
        office, owner = self._office, caller.key.owner
        wish = self._begun(job_wishes.read(body, seed=office.draw()), caller)
        self._require(wish, caller)
        for param, id_ in _files(wish):
            self._require_file(param, id_, owner)
        if self._queue.waiting(owner) >= office.most():
            raise Refusal(
                f"{office.most()} jobs have not ended yet, and no more may wait. Wait for one of "
                "them, or cancel it.",
                status=429,
                code="too_many_jobs",
                again=False,
            )
        now = office.now()
        made = Job(id=office.name(), wish=wish, created=now, owner=owner, key=caller.key.id)
        self._queue.add(made)
        created = f"Created fine-tuning job: {made.id}"
        self._queue.tell(
            [JobEvent(id=f"ftevent-{made.id}-created", job=made.id, created=now, message=created)]
        )
        return made

    def _begun(self, wish: JobWish, caller: Caller) -> JobWish:
        """The wish, with what it goes on from where its model is a finetuned one."""
        found = next((one for one in self._office.shelf.all() if one.name == wish.model), None)
        if found is None or not finetuned.may_ask(caller.key, found.name, found.owner):
            return wish
        job = self._queue.get(found.job)
        learned = None if job is None or job.recipe is None else job.recipe.trainable
        try:
            return origins.resolved(wish, found, learned)
        except InputError as error:
            raise Refusal(f"{error}.", param="escalera.trainable", code="invalid_model") from error

    def _require(self, wish: JobWish, caller: Caller) -> None:
        """What is named is there, and may be asked by this caller."""
        offered, tasks = self._office.models(), self._office.tasks()
        if wish.base not in offered:
            raise Refusal(
                f"The model {wish.model!r} cannot be finetuned here; those that can are "
                f"{', '.join(map(repr, offered)) or 'none'}, and what was finetuned from them.",
                status=404,
                code="model_not_found",
                param="model",
            )
        if caller.models and wish.model not in caller.models:
            raise Refusal(
                f"The API key {caller.key.name!r} may not ask {wish.model!r}, so it may not "
                "finetune it.",
                status=403,
                code="model_not_allowed",
                param="model",
            )
        for task in wish.gate:
            if task not in tasks:
                raise Refusal(
                    f"The gate names the task {task!r}; the tasks are "
                    f"{', '.join(map(repr, tasks)) or 'none'}.",
                    param="escalera.gate",
                )

    def _require_file(self, param: str, id_: str, owner: str) -> None:
        found = self._office.files.get(id_)
        if found is None or found.owner != owner:
            raise Refusal(
                f"There is no file {id_!r}. Upload it with the purpose 'fine-tune' first.",
                param=param,
                code="invalid_file",
            )
        if found.purpose != "fine-tune":
            raise Refusal(
                f"The file {id_!r} has the purpose {found.purpose!r}. Upload it again with the "
                "purpose 'fine-tune'.",
                param=param,
                code="invalid_file",
            )

    # Looked at

    async def jobs(self, request: Request) -> Response:
        caller = await self._caller(request)
        after, limit = job_wishes.page(request.query_params, usual=20)
        wanted = job_wishes.metadata(request.query_params)
        found = await asyncio.to_thread(
            self._queue.all, owner=caller.key.owner, after=after, limit=limit + 1, metadata=wanted
        )
        return rooms.page(found, limit, job_wire.job)

    async def retrieve(self, request: Request) -> Response:
        return _answer(await self._job(request))

    async def checkpoints(self, request: Request) -> Response:
        job = await self._job(request)
        after, limit = job_wishes.page(request.query_params, usual=10)
        found = await asyncio.to_thread(
            self._queue.checkpoints, job.id, after=after, limit=limit + 1
        )
        return rooms.page(found, limit, job_wire.checkpoint)

    async def events(self, request: Request) -> Response:
        job = await self._job(request)
        after, limit = job_wishes.page(request.query_params, usual=20)
        if job_wishes.flag(request.query_params, "stream"):
            headers = {"cache-control": "no-cache"}
            return StreamingResponse(
                self._followed(job.id, after), media_type="text/event-stream", headers=headers
            )
        found = await asyncio.to_thread(self._queue.events, job.id, after=after, limit=limit + 1)
        return rooms.page(found, limit, job_wire.event)

    async def _followed(self, id_: str, after: str) -> AsyncIterator[bytes]:
        """Events as they come, until the job has ended and all of them are told."""
        queue = self._queue
        while True:
            job = await asyncio.to_thread(queue.get, id_)
            found = await asyncio.to_thread(queue.later, id_, after=after)
            for one in found:
                after = one.id
                yield b"data: " + msgspec.json.encode(job_wire.event(one)) + b"\n\n"
            if not found:
                if job is None or job.status in ENDED:
                    break
                await asyncio.sleep(EVERY)
        yield b"data: [DONE]\n\n"

    # Changed

    async def cancel(self, request: Request) -> Response:
        return await self._changed(request, self._cancelled)

    async def pause(self, request: Request) -> Response:
        return await self._changed(request, self._paused)

    async def resume(self, request: Request) -> Response:
        return await self._changed(request, self._resumed)

    async def _changed(self, request: Request, change: Callable[[Job], Job | None]) -> Response:
        """Change a job as it is now; where it changed meanwhile, as it is then."""
        job = await self._job(request)
        while True:
            found = await asyncio.to_thread(change, job)
            if found is not None:
                return _answer(found)
            job = await self._job(request)

    def _cancelled(self, job: Job) -> Job | None:
        if job_wire.status(job) in ENDED:
            raise _too_late(job, "cancelled")
        if job.status == "running":
            return self._queue.want(job.id, "cancel")
        moved = self._queue.move(job.id, [job.status], "cancelled", now=self._office.now())
        return self._noted(moved, "The job was cancelled.")

    def _paused(self, job: Job) -> Job | None:
        if job_wire.status(job) not in (*_WAITS, "running"):
            raise _too_late(job, "paused")
        if job.status == "running":
            return self._queue.want(job.id, "pause")
        moved = self._queue.move(job.id, [job.status], "paused", now=self._office.now())
        return self._noted(moved, "The job was paused before it began.")

    def _resumed(self, job: Job) -> Job | None:
        if job_wire.status(job) != "paused":
            raise _too_late(job, "resumed")
        if job.status == "running":
            return self._queue.want(job.id, "")
        to: JobStatus = "validating_files" if job.recipe is None else "queued"
        moved = self._queue.move(job.id, ["paused"], to, now=self._office.now())
        return self._noted(moved, "The job was resumed; it waits for its turn.")

    def _noted(self, job: Job | None, words: str) -> Job | None:
        if job is not None:
            event = JobEvent(
                id=self._office.name().replace("ftjob-", "ftevent-", 1),
                job=job.id,
                created=self._office.now(),
                message=words,
            )
            self._queue.tell([event])
        return job

    # Who asks, and for what

    async def _caller(self, request: Request) -> Caller:
        shown = arrival.read(request.scope["headers"], most=BODY, is_open=self._entrance.is_open)
        return self._entrance.known(shown) or await self._entrance.enter(shown)

    async def _job(self, request: Request) -> Job:
        caller = await self._caller(request)
        id_ = request.path_params["id"]
        found = await asyncio.to_thread(self._queue.get, id_)
        if found is None or found.owner != caller.key.owner:
            raise rooms.missing("fine-tuning job", id_, param="fine_tuning_job_id")
        return found


def _files(wish: JobWish) -> Sequence[tuple[str, str]]:
    named = (("training_file", wish.training_file), ("validation_file", wish.validation_file))
    return [(param, id_) for param, id_ in named if id_]


async def _body(request: Request) -> bytes:
    body = b""
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > BODY:
                raise arrival.too_long(BODY)
    return body


def _too_late(job: Job, what: str) -> Refusal:
    return Refusal(
        f"The job {job.id} is {job_wire.status(job)}, so it cannot be {what}.",
        code="invalid_job_status",
    )


def _answer(job: Job) -> Response:
    return rooms.json(job_wire.job(job))
