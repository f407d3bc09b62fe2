"""A model in this process as a provider: the port, its worker threads, prices and refusals.

Each worker thread owns one copy of the model, so `replicas` units are answered at the same time
and nothing is locked. A small model is bound by the interpreter and by single cores: two replicas
on one thread each are steadier than one on two threads.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from escalera.domain.message import Reply, Request
from escalera.domain.project import BaseModel
from escalera.edges.providers import answers
from escalera.edges.providers.decoding import Row
from escalera.edges.providers.local_model import LocalModel
from escalera.errors import AdapterUnusable, ProviderError, RequestRejected
from escalera.ports import Clock

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a local model may use.

    `threads` are those of one replica; `unit` is how many requests are decoded together;
    `max_context` lowers the context that the model was trained with.
    """

    threads: int = 1
    replicas: int = 1
    unit: int = 48
    max_context: int | None = None
    device: str = "cpu"


class TransformersEngine:
    """Answers requests with a model folder. Loads it when the first request arrives."""

    def __init__(
        self,
        *,
        model: BaseModel,
        folder: Path,
        adapters: Callable[[str], Path],
        clock: Clock,
        capacity: Capacity | None = None,
    ) -> None:
        capacity = capacity or Capacity()
        self._base = model
        self._clock = clock
        self._capacity = capacity
        self._make: Callable[[], LocalModel] = lambda: LocalModel(
            name=model.name,
            folder=folder,
            adapters=adapters,
            max_context=capacity.max_context,
            device=capacity.device,
        )
        self._idle: queue.SimpleQueue[LocalModel] = queue.SimpleQueue()
        self._workers = ThreadPoolExecutor(capacity.replicas, f"escalera-{model.name}")

    @property
    def unit(self) -> int:
        """How many requests are decoded together."""
        return self._capacity.unit

    @property
    def concurrency(self) -> int:
        """How many units are answered at the same time."""
        return self._capacity.replicas

    async def answer(self, requests: Sequence[Request]) -> Sequence[Reply | ProviderError]:
        """One reply or error per request, in order."""
        asked = tuple(requests)
        return await self._work(lambda model: self._answer(model, asked))

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply]:
        """The answer piece by piece, then the whole `Reply`. Raises `ProviderError`.

        The worker is given back after every token, so that streams and units take turns.
        """
        started = self._clock.seconds()
        row = await self._work(lambda model: self._row(model, request))
        batch = await self._work(lambda model: model.batch([row]))

        def advance(model: LocalModel) -> str:
            model.step(batch, request.adapter)
            return model.text(row.answer)

        text = ""
        while not row.finished:
            longer = await self._work(advance)
            # A character may be split over tokens: wait until its last byte is there.
            settled = row.finished or not longer.endswith("\N{REPLACEMENT CHARACTER}")
            if settled and longer.startswith(text) and longer != text:
                yield longer[len(text) :]
                text = longer
        yield await self._work(lambda model: self._reply(model, row, started))

    async def close(self) -> None:
        """Let the workers finish and drop the models."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._idle = queue.SimpleQueue()

    # In a worker thread

    async def _work(self, job: Callable[[LocalModel], _Result]) -> _Result:
        def work() -> _Result:
            torch.set_num_threads(self._capacity.threads)  # the setting belongs to the thread
            with self._model() as model:
                return job(model)

        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    @contextmanager
    def _model(self) -> Iterator[LocalModel]:
        """Lend a model that no other thread uses: there are as many as threads."""
        try:
            model = self._idle.get_nowait()
        except queue.Empty:
            model = self._make()
        try:
            yield model
        finally:
            self._idle.put(model)

    def _answer(
        self, model: LocalModel, requests: Sequence[Request]
    ) -> tuple[Reply | ProviderError, ...]:
        """Decode the requests of one adapter after the other."""
        started = self._clock.seconds()
        rows: dict[int, Row] = {}
        refused: dict[int, ProviderError] = {}
        for place, request in enumerate(requests):
            try:
                rows[place] = self._row(model, request)
            except RequestRejected as error:
                refused[place] = error

        for adapter in dict.fromkeys(requests[place].adapter for place in rows):
            group = [place for place in rows if requests[place].adapter == adapter]
            try:
                self._decode(model, [rows[place] for place in group], adapter)
            except AdapterUnusable as error:
                refused.update(dict.fromkeys(group, error))
        return tuple(
            refused.get(place) or self._reply(model, rows[place], started)
            for place in range(len(requests))
        )

    def _decode(self, model: LocalModel, rows: Sequence[Row], adapter: str | None) -> None:
        by_length = sorted(rows, key=lambda row: len(row.prompt))
        for start in range(0, len(rows), self._capacity.unit):
            batch = model.batch(by_length[start : start + self._capacity.unit])
            while not batch.finished:
                model.step(batch, adapter)

    def _row(self, model: LocalModel, request: Request) -> Row:
        answers.require_plain(self._base, request)
        return answers.row(model, self._base, request)

    def _reply(self, model: LocalModel, row: Row, started: float) -> Reply:
        seconds = self._clock.seconds() - started
        return answers.reply(self._base, row, model.text(row.answer), seconds=seconds)
