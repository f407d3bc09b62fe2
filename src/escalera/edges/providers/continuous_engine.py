"""A model in this process for many callers at once: the port over `continuous`.

Prompts, schemas and adapters are prepared beside the model's own thread, so that nobody's answer
waits for them. A model whose rows cannot be packed exactly answers through `transformers_engine`,
and whoever runs it is told why.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from escalera.domain.message import Piece, Reply, Request
from escalera.domain.project import BaseModel
from escalera.edges.providers import answers, exactness, packed_linear
from escalera.edges.providers.continuous import Continuous, Job, Room
from escalera.edges.providers.decoding import Row
from escalera.edges.providers.likelihoods import Likelihoods
from escalera.edges.providers.local_model import LocalModel
from escalera.edges.providers.served_adapters import BASE, Lane, ServedAdapters
from escalera.edges.providers.spelling import Speller
from escalera.edges.providers.transformers_engine import Capacity, TransformersEngine
from escalera.errors import Overloaded, ProviderError, RequestRejected
from escalera.ports import Clock

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What a served model may use.

    `queue` is how many requests may wait beside those that are answered. `dtype` names the numbers
    that it computes with, None for float32 on a CPU and else what the files say. `adapter_bytes` is
    what adapters may hold that no row uses.
    """

    threads: int = 1
    queue: int = 128
    room: Room = field(default_factory=Room)
    adapter_bytes: int = 1_000_000_000
    max_context: int | None = None
    device: str = "cpu"
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    """A loaded model, its adapters, and the thread that steps through its rows."""

    model: LocalModel
    adapters: ServedAdapters
    turns: Continuous


class ContinuousEngine:
    """Answers requests with a model folder. Loads it when the first request arrives."""

    def __init__(
        self,
        *,
        model: BaseModel,
        folder: Path,
        adapters: Callable[[str], Path],
        clock: Clock,
        serving: Serving,
        tell: Callable[[str], None],
    ) -> None:
        self._base = model
        self._folder = folder
        self._adapters = adapters
        self._clock = clock
        self._serving = serving
        self._tell = tell
        self._opened: _Opened | TransformersEngine | None = None
        self._desk = ThreadPoolExecutor(1, f"escalera-{model.name}-desk")
        self._loader = ThreadPoolExecutor(1, f"escalera-{model.name}-loader")
        self._present = 0
        self._ends = 0.0
        self._pace = 0.0

    @property
    def unit(self) -> int:
        """Every request is answered by itself, in whatever company there is."""
        return 1

    @property
    def concurrency(self) -> int:
        """How many requests are answered at the same time."""
        return self._serving.room.rows

    async def answer(self, requests: Sequence[Request]) -> Sequence[Reply | ProviderError]:
        """One reply or error per request, in order."""
        return await asyncio.gather(*(self._whole(request) for request in requests))

    async def stream(self, request: Request) -> AsyncGenerator[str | Piece | Reply]:
        """The answer piece by piece, then the whole `Reply`. Raises `ProviderError`."""
        with self._let_in():
            opened = await self._open()
            pieces: AsyncGenerator[str | Piece | Reply]
            if isinstance(opened, TransformersEngine):
                pieces = opened.stream(request)
            else:
                pieces = self._pieces(opened, request, every=True)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def close(self) -> None:
        """Let the step that is made end, and drop the model."""
        self._desk.shutdown(wait=False, cancel_futures=True)
        self._loader.shutdown(wait=False, cancel_futures=True)
        opened, self._opened = self._opened, None
        if isinstance(opened, TransformersEngine):
            await opened.close()
        elif opened is not None:
            await asyncio.to_thread(opened.turns.close)

    # Private

    async def _whole(self, request: Request) -> Reply | ProviderError:
        try:
            with self._let_in():
                opened = await self._open()
                if isinstance(opened, TransformersEngine):
                    return (await opened.answer([request]))[0]
                async with aclosing(self._pieces(opened, request, every=False)) as pieces:
                    (reply,) = [piece async for piece in pieces if isinstance(piece, Reply)]
                    return reply
        except ProviderError as error:
            return error

    async def _pieces(
        self, opened: _Opened, request: Request, *, every: bool
    ) -> AsyncGenerator[str | Piece | Reply]:
        """The pieces of an answer where *every* one is wanted, and the reply."""
        started = self._clock.seconds()
        row = await self._prepared(opened, request)
        lane = await self._lane(opened, request.adapter)
        stops = request.decoding.stop
        job = Job(
            row=row,
            loop=asyncio.get_running_loop(),
            every=every or bool(stops),
            lane=lane,
            ended=row.finished,
        )
        speller, likelihoods = Speller(opened.model.text, stops), Likelihoods(opened.model, row)
        try:
            if not job.ended:
                opened.turns.submit(job)
            while not (job.ended or speller.stopped):
                await job.moved.wait()
                job.moved.clear()
                if job.error is not None:
                    raise job.error
                if job.every and (piece := speller.add(row.tokens[speller.count : job.told])):
                    yield likelihoods.piece(piece, speller)
            if job.every and (rest := speller.end()):
                yield likelihoods.piece(rest, speller)
        finally:
            if not job.ended:
                opened.turns.cancel(job)
            opened.adapters.give_back(lane)
        said = speller.said if job.every else opened.model.text(row.answer)
        ended = speller.count if speller.stopped else None
        logprobs = likelihoods.whole(speller)
        seconds = self._clock.seconds() - started
        self._ended()
        reply = answers.reply(self._base, row, said, seconds=seconds, ended=ended)
        yield reply if logprobs is None else replace(reply, logprobs=logprobs)

    async def _prepared(self, opened: _Opened, request: Request) -> Row:
        """The row of a request. Raises `RequestRejected` where it can never be answered."""
        row = await self._beside(
            self._desk, partial(answers.row, opened.model, self._base, request)
        )
        whole = len(row.prompt) + row.decoding.max_tokens
        if not opened.turns.fits(whole):
            raise RequestRejected(
                f"{whole} tokens of prompt and answer do not fit into the memory for keys and "
                f"values, which holds {self._serving.room.tokens} tokens in whole places.",
                provider=self._base.name,
                hint="Lower max_tokens, shorten the message, or raise serving.cache_tokens.",
            )
        return row

    async def _lane(self, opened: _Opened, adapter: str | None) -> Lane:
        """The adapter for a row, loaded where it is not in memory. Raises `AdapterUnusable`."""
        lane = opened.adapters.lend(adapter)
        if lane is not None or adapter is None:
            return lane or BASE

        def unwanted(loaded: asyncio.Future[Lane]) -> None:
            if not loaded.cancelled() and loaded.exception() is None:
                opened.adapters.give_back(loaded.result())

        loading = self._beside(self._loader, partial(opened.adapters.load, adapter))
        try:
            return await asyncio.shield(loading)
        except asyncio.CancelledError:
            loading.add_done_callback(unwanted)
            raise

    def _beside(
        self, thread: ThreadPoolExecutor, work: Callable[[], _Result]
    ) -> asyncio.Future[_Result]:
        return asyncio.get_running_loop().run_in_executor(thread, work)

    @contextmanager
    def _let_in(self) -> Iterator[None]:
        """Count one more request, or raise `Overloaded` where as many wait as may."""
        serving = self._serving
        if self._present >= serving.room.rows + serving.queue:
            raise Overloaded(
                f"{self._present} requests are being answered or wait, which is all that may.",
                provider=self._base.name,
                hint="Try again later, or raise serving.queue.",
                retry_after=min(60, max(1, math.ceil(self._pace * serving.queue / 2))),
            )
        self._present += 1
        try:
            yield
        finally:
            self._present -= 1

    def _ended(self) -> None:
        """Learn how many seconds lie between two answers, for those who are sent away."""
        now = self._clock.seconds()
        if self._ends:
            self._pace += 0.1 * (min(now - self._ends, 10.0) - self._pace)
        self._ends = now

    async def _open(self) -> _Opened | TransformersEngine:
        if self._opened is None:
            await self._beside(self._desk, self._load)
        assert self._opened is not None  # noqa: S101  loaded
        return self._opened

    def _load(self) -> None:
        """Load the model, in the thread of the desk; a second caller finds it loaded."""
        if self._opened is not None:
            return
        serving = self._serving
        torch.set_num_threads(serving.threads)
        model = LocalModel(
            name=self._base.name,
            folder=self._folder,
            adapters=self._adapters,
            max_context=serving.max_context,
            device=serving.device,
            dtype=serving.dtype,
        )
        packed_linear.pack(model.network)
        problem = exactness.packed(model.network)
        if problem:
            self._tell(
                f"the model {self._base.name!r} answers without continuous batching: {problem}"
            )
            self._opened = self._static()
            return
        adapters = ServedAdapters(
            model,
            name=self._base.name,
            base=self._folder,
            folder=self._adapters,
            most=serving.adapter_bytes,
        )
        turns = Continuous(
            model,
            adapters.lora,
            name=self._base.name,
            room=serving.room,
            threads=serving.threads,
        )
        self._opened = _Opened(model, adapters, turns)

    def _static(self) -> TransformersEngine:
        serving = self._serving
        capacity = Capacity(
            threads=serving.threads, max_context=serving.max_context, device=serving.device
        )
        return TransformersEngine(
            model=self._base,
            folder=self._folder,
            adapters=self._adapters,
            clock=self._clock,
            capacity=capacity,
        )
