"""Working off one batch: its lines are checked, asked and put into files, each of it once.

An answer counts when it is on disk. Whoever takes a batch up again asks what has no answer yet, so
a kill costs what was in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from escalera.apps.gateway import batch_lines, files
from escalera.apps.gateway.batch_lines import Checked, Line, Rules
from escalera.apps.gateway.board import unknown
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.hot import plan_of
from escalera.apps.gateway.inside import Inside, Said
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.wire import UNREADABLE, Refusal
from escalera.apps.gateway.yielding import Turnstile
from escalera.core.serving import batching
from escalera.core.serving.batching import LineAnswer, Tried
from escalera.domain.batch import BATCH_OVER, Batch, BatchAnswer, BatchError, BatchStatus
from escalera.domain.stored_file import Incoming
from escalera.engine.recorder import Recorder
from escalera.engine.together import all_or_first_error
from escalera.ports.jobs import BatchBook, FileStore
from escalera.settings.gateway_table import GatewayTable

TOGETHER = 64
"""Lines, or a megabyte of them, that are read at a time by a thread."""
PAGE = 16
"""Answers that are read at a time."""
UNASKED = {
    "expired": ("batch_expired", "The request was not answered before its batch expired."),
    "cancelled": ("batch_cancelled", "The batch was cancelled before the request was answered."),
    "failed": ("batch_failed", "The batch failed before the request was answered."),
}
"""Code and words of a line that has no answer, by how its batch ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a worker works with. `named` gives the caller whose key has an id, and `look` knows
    models that were published a moment ago. Lines, and batches that end, are counted in `metrics`.
    """

    worker: str
    book: BatchBook
    store: FileStore
    inside: Inside
    turnstile: Turnstile
    named: Callable[[str], Caller]
    look: Callable[[], Awaitable[None]]
    table: Callable[[], GatewayTable]
    now: Callable[[], float]
    tell: Callable[[str], None]
    metrics: Metrics = field(default_factory=Metrics)


class Work:
    """A batch that was taken."""

    def __init__(self, batch: Batch, means: Means) -> None:
        self.batch = batch
        self.waits = ""
        self._means = means
        self._ends = asyncio.Event()
        self._leaves = False
        self._counted = 0
        self._recorder: Recorder[BatchAnswer] = Recorder(self._keep)
        self._reading = asyncio.Lock()

    async def do(self) -> None:
        """Work it off, unless it is lost or left. Raises `StoreUnavailable`."""
        while self.batch.status not in BATCH_OVER and not self._leaves:
            match self.batch.status:
                case "validating":
                    await self._validate()
                case "in_progress":
                    await self._ask()
                case _:
                    await self._finish()

    def leave(self, *, lost: bool = False) -> None:
        """Begin nothing more: the process ends, or another worker has the batch."""
        self._leaves = True
        self._ends.set()
        if lost:
            self._means.tell(f"batch {self.batch.id} is worked off elsewhere now")

    def seen(self, batch: Batch | None) -> None:
        """Take note of what ends the asking; None where the batch is another worker's."""
        if batch is None:
            self.leave(lost=not self._leaves)
        elif batch.status == "cancelling" or self._means.now() >= batch.expires:
            self._ends.set()

    # Checking

    async def _validate(self) -> None:
        means, batch = self._means, self.batch
        found = await self._checked()

        def edit(batch: Batch) -> Batch:
            batch = replace(batch, total=found.total, model=found.model, errors=found.errors)
            if batch.status != "validating":  # cancelled meanwhile
                return batch
            return at(batch, "failed" if found.errors else "in_progress", means.now())

        await self._change(edit)
        if self.batch.status in BATCH_OVER:
            await asyncio.to_thread(means.book.forget, batch.id)

    async def _checked(self) -> Checked:
        means, batch = self._means, self.batch
        await means.look()
        try:
            rules = self._rules(means.named(batch.key))
            return await asyncio.to_thread(batch_lines.checked, means.book.input(batch.id), rules)
        except Refusal as error:
            told = BatchError(code=error.code or "", message=error.message)
        except FileNotFoundError:
            told = BatchError(code="input_file_gone", message="The input file is not there.")
        return Checked(errors=(told,))

    def _rules(self, caller: Caller) -> Rules:
        means = self._means
        board = means.inside.hot.regime.board

        def wrong(model: str) -> BatchError | str:
            plan = plan_of(board, caller, model)
            if plan is None:
                said = unknown(board, model).message
                return BatchError(code="model_not_found", message=said, param="body.model")
            if caller.models and plan.name not in caller.models:
                said = f"The key may not ask {plan.name!r}"
                return BatchError(code="model_not_allowed", message=said, param="body.model")
            return plan.name

        return Rules(
            endpoint=self.batch.wish.endpoint,
            lines=means.table().batches.lines,
            body=means.inside.hot.regime.bounds.body,
            wrong=wrong,
        )

    # Asking

    async def _ask(self) -> None:
        """Ask every line without an answer, until something ends it."""
        means, batch = self._means, self.batch
        done = await asyncio.to_thread(means.book.answered, batch.id)
        self.seen(batch)
        lines = self._lines(done)
        slots = means.table().batches.concurrency
        await all_or_first_error([self._slot(lines) for _ in range(slots)])
        if not self._leaves:
            await self._change(self._ending)

    def _ending(self, batch: Batch) -> Batch:
        return (
            batch if batch.status != "in_progress" else at(batch, "finalizing", self._means.now())
        )

    async def _slot(self, lines: AsyncIterator[Line]) -> None:
        while not self._ends.is_set():
            async with self._reading:
                line = await anext(lines, None)
            if line is None:
                return
            await self._line(line)

    async def _lines(self, done: frozenset[int]) -> AsyncIterator[Line]:
        """The lines without answers."""
        found = self._numbered()
        while some := await asyncio.to_thread(_several, found):
            for line in some:
                if line.number not in done:
                    yield line

    def _numbered(self) -> Iterator[Line]:
        endpoint, path = self.batch.wish.endpoint, self._means.book.input(self.batch.id)
        for number, text in batch_lines.numbered(path, path.stat().st_size):
            yield batch_lines.read(number, text, endpoint)

    async def _line(self, line: Line) -> None:
        """Ask a line until its answer counts."""
        means, loop = self._means, asyncio.get_running_loop()
        tried, began, counted = Tried(), 0.0, self._counted
        while True:
            async with means.turnstile.through():
                if self._ends.is_set():
                    return
                said = await self._asked(line)
                act = batching.follows(_answer(said), tried)
                if act.kind == "count":  # it is in flight until it is on disk
                    await self._count(line, said)
                    return
            if act.kind == "stop":
                await self._stop(said)
                return
            if act.cause == "fails":
                began = began or loop.time()
                others = self._counted > counted
                counted = self._counted
                tried = Tried(
                    times=tried.times + 1,
                    faults=tried.faults + others,
                    seconds=loop.time() - began,
                )
            self.waits = _message(said)
            await self._pause(act.seconds)

    async def _asked(self, line: Line) -> Said:
        means, batch = self._means, self.batch
        said = await means.inside.ask(batch.wish.endpoint, line.body, key=batch.key)
        if said.fault:
            means.tell(f"batch {batch.id}, line {line.number}: {said.fault}")
        return said

    async def _count(self, line: Line, said: Said) -> None:
        """Put an answer on disk."""
        record = batch_lines.record(self.batch.id, line, said)
        is_error = said.status != 200
        used = batch_lines.usage(said)
        answer = BatchAnswer(line=line.number, is_error=is_error, record=record, usage=used)
        await self._recorder.add([answer])
        self._counted += 1
        self.waits = ""

    async def _keep(self, answers: Sequence[BatchAnswer]) -> None:
        means = self._means
        found = await asyncio.to_thread(means.book.keep, self.batch.id, means.worker, answers)
        self.seen(found)
        for one in answers if found is not None else ():
            means.metrics.count("batch_lines_total", ("failed" if one.is_error else "completed",))

    async def _stop(self, said: Said) -> None:
        """Ask nothing more: the key is good for nothing any more."""
        error = BatchError(code=_code(said), message=_message(said))
        self._ends.set()
        await self._change(lambda batch: batch if batch.errors else replace(batch, errors=(error,)))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._ends.wait()
        except TimeoutError:
            return

    # Finishing

    async def _finish(self) -> None:
        """Make the files, and let the rest go."""
        means = self._means
        await self._change(lambda batch: batch)  # counts are those of now
        batch = self.batch
        ends = ending(batch)
        if batch.starts > 1:
            await asyncio.to_thread(self._forget_files)
        output = error = ""
        if batch.completed:
            output = await self._file("output", self._answers(errors=False))
        if batch.completed < batch.total:
            error = await self._file("error", self._errors(ends))

        def edit(batch: Batch) -> Batch:
            files = replace(batch, output_file=output, error_file=error, waits="")
            return at(files, ends, means.now())

        await self._change(edit)
        if self.batch.status in BATCH_OVER:
            await asyncio.to_thread(means.book.forget, batch.id)

    async def _file(self, kind: str, pieces: AsyncIterator[bytes]) -> str:
        batch, now, usual = self.batch, self._means.now(), self._means.table().files
        given = batch.wish.output_seconds
        expires = files.expiry(usual, "batch_output", now) if given is None else now + given
        about = Incoming(
            name=f"{batch.id}_{kind}.jsonl",
            purpose="batch_output",
            created=now,
            owner=batch.owner,
            expires=expires,
        )
        return (await self._means.store.add(pieces, lambda: about)).id

    async def _answers(self, *, errors: bool) -> AsyncIterator[bytes]:
        """The answers as they stand in a file."""
        book, after = self._means.book, 0
        while True:
            page = await asyncio.to_thread(
                book.answers, self.batch.id, errors=errors, after=after, limit=PAGE
            )
            if not page:
                return
            after = page[-1].line
            yield b"".join(answer.record + b"\n" for answer in page)

    async def _errors(self, ends: BatchStatus) -> AsyncIterator[bytes]:
        """What failed, and what was not answered."""
        async for piece in self._answers(errors=True):
            yield piece
        batch = self.batch
        if batch.completed + batch.failed < batch.total:
            done = await asyncio.to_thread(self._means.book.answered, batch.id)
            async for line in self._lines(done):
                yield batch_lines.unasked(batch.id, line, *UNASKED[ends]) + b"\n"

    def _forget_files(self) -> None:
        """Files that were made before a kill kept them from being told."""
        store, names = (
            self._means.store,
            {f"{self.batch.id}_{k}.jsonl" for k in ("output", "error")},
        )
        found = store.all(owner=self.batch.owner, purpose="batch_output", limit=10_000)
        for file in found:
            if file.name in names:
                store.remove(file.id)

    async def _change(self, edit: Callable[[Batch], Batch]) -> None:
        means = self._means
        found = await asyncio.to_thread(means.book.change, self.batch.id, edit, worker=means.worker)
        before, self.batch = self.batch, found or self.batch
        if self.batch.status in BATCH_OVER and before.status not in BATCH_OVER:
            means.metrics.count("batches_total", (self.batch.status,))
        self.seen(found)


def at(batch: Batch, status: BatchStatus, now: float) -> Batch:
    """*batch* with another status, reached now."""
    return replace(batch, status=status, reached={**batch.reached, status: now})


def ending(batch: Batch) -> BatchStatus:
    """How a batch ends of which nothing more is asked."""
    if batch.status == "cancelling":
        return "cancelled"
    if batch.completed + batch.failed == batch.total:
        return "completed"
    return "failed" if batch.errors else "expired"


# Below: private.


def _several(found: Iterator[Line]) -> list[Line]:
    """The next lines: a few of them, or one that is long."""
    lines: list[Line] = []
    size = 0
    for line in found:
        lines.append(line)
        size += len(line.body)
        if len(lines) == TOGETHER or size > batch_lines.PIECE:
            break
    return lines


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _Body(msgspec.Struct):
    error: _Error


def _answer(said: Said) -> LineAnswer:
    after = said.header(b"retry-after")
    seconds = float(after) if after.isdigit() else None
    return LineAnswer(status=said.status, code=_code(said), retry_after=seconds)


def _code(said: Said) -> str:
    found = _error(said)
    return "" if found is None else str(found.code or "")


def _message(said: Said) -> str:
    found = _error(said)
    return f"status {said.status}" if found is None else found.message or f"status {said.status}"


def _error(said: Said) -> _Error | None:
    if said.status < 400:
        return None
    try:
        return msgspec.json.decode(said.body, type=_Body).error
    except UNREADABLE:
        return None
