"""A vLLM process as a provider: asked over HTTP, its adapters loaded when they are first needed.

Whoever owns the process gives a `Host`: it is started by the first request and ended by `close`.
A gateway's worker asks a process that its supervisor owns, and gives none.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec

from escalera.domain.message import Reply, Request
from escalera.domain.project import ModelPrice
from escalera.edges.http.target import Limits, Target
from escalera.edges.http.upstream import HTTPUpstream
from escalera.edges.providers import openai_wire as wire
from escalera.edges.providers.endpoint import Endpoint, Timeouts
from escalera.edges.providers.openai_http import OpenAIHTTP
from escalera.edges.vllm import command
from escalera.edges.vllm.command import Options
from escalera.errors import (
    AdapterUnusable,
    EscaleraError,
    ProviderError,
    ProviderUnavailable,
)
from escalera.ports import Clock

LOADING = 120.0
"""Seconds that the loading of one adapter may take."""
ANSWER = 600.0
"""Seconds that an answer may take, its time in the queue of the process included."""
OFTEN = 0.2
"""Seconds between two looks at a process that is being started again."""
LIVES = 3
"""Processes that one request may see end before it is given up."""


class Host(Protocol):
    """The process, to those who own it: `edges.vllm.kept.KeptServer`."""

    @property
    def state(self) -> str: ...

    @property
    def starts(self) -> int: ...

    def start(self) -> None:
        """Start it and wait until it answers. Raises `ProviderError`."""

    def trouble(self) -> str:
        """Why it does not answer, in words."""

    def stop(self) -> None:
        """Let it finish its answers and end it."""


class VLLMProcess:
    """Answers requests with a vLLM process behind *endpoint*, which has *adapters* loaded.

    A call that fails because the process went down waits until it is up again and is made once
    more, where nothing of its answer was out. That, and at most *concurrency* calls in flight, is
    for whoever owns the process and measures; whoever serves has others to ask.
    """

    unit = 1

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        adapters: LoadedAdapters,
        clock: Clock,
        price: ModelPrice | None = None,
        concurrency: int = 32,
        host: Host | None = None,
    ) -> None:
        self._name = endpoint.name
        self._clock = clock
        self._host = host
        self._starting = asyncio.Lock()
        self._adapters = adapters
        self.concurrency = concurrency
        self._asked = OpenAIHTTP(
            endpoint,
            clock=clock,
            price=price,
            concurrency=concurrency,
            attempts=2,
            timeouts=Timeouts(read=ANSWER, total=ANSWER),
            adapters=adapters,
            serving=host is None,
        )

    async def answer(self, requests: Sequence[Request]) -> Sequence[Reply | ProviderError]:
        """One reply or error per request, in order."""
        return await asyncio.gather(*(self._answer(request) for request in requests))

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply]:
        """The answer piece by piece, then the whole reply. Raises `ProviderError`."""
        for life in range(LIVES):
            await self._up()
            starts, begun = self._starts(), False
            try:
                async with aclosing(self._asked.stream(request)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except ProviderError as error:
                if begun or life == LIVES - 1 or not self._went_down(error, starts):
                    raise
            else:
                return

    async def close(self) -> None:
        """Close the connections, and end the process where it is ours; called once."""
        await self._asked.close()
        await self._adapters.close()
        if self._host is not None:
            await asyncio.to_thread(self._host.stop)

    # Private

    async def _answer(self, request: Request) -> Reply | ProviderError:
        tries = 0
        while True:
            try:
                await self._up()
            except ProviderError as error:
                return error
            starts = self._starts()
            tries += 1
            found = (await self._asked.answer([request]))[0]
            if isinstance(found, Reply):
                return found if tries == 1 else replace(found, attempts=found.attempts + tries - 1)
            if tries == LIVES or not self._went_down(found, starts):
                return found

    def _starts(self) -> int:
        return 0 if self._host is None else self._host.starts

    def _went_down(self, error: ProviderError, starts: int) -> bool:
        """Whether the process is another one since, or is down."""
        host = self._host
        if host is None or not isinstance(error, ProviderUnavailable):
            return False
        return host.starts != starts or host.state != "ready"

    async def _up(self) -> None:
        """Wait until the process answers; start it where it never was."""
        host = self._host
        if host is None or host.state == "ready":
            return
        async with self._starting:
            if host.starts == 0:
                await asyncio.to_thread(host.start)
            while host.state in {"starting", "down"}:
                await self._clock.sleep(OFTEN)
        if host.state != "ready":
            raise ProviderUnavailable(host.trouble(), provider=self._name)


class LoadedAdapters:
    """Which adapters the process was told to load: each once, under its digest.

    *folder* finds the files of one.

    Where there are more than `options.adapters`, the least recently used of those that nobody asks
    right now is unloaded; whoever asks it meanwhile has it loaded again after that. What vLLM has
    begun to answer it ends, whatever is unloaded.
    """

    def __init__(
        self, endpoint: Endpoint, *, options: Options, folder: Callable[[str], Path]
    ) -> None:
        self._name = endpoint.name
        self._options = options
        self._folder = folder
        self._loaded: dict[str, asyncio.Future[None]] = {}  # the last used last
        self._leaving: dict[str, asyncio.Future[None]] = {}
        self._asked: Counter[str] = Counter()
        limits = Limits(first_byte=LOADING, idle=LOADING, total=LOADING)
        target = Target(endpoint.url, fields=endpoint.fields)
        self._client = HTTPUpstream(target, provider=endpoint.name, limits=limits)

    @asynccontextmanager
    async def using(self, adapter: str) -> AsyncIterator[None]:
        """Within it the process answers under the name *adapter*.

        Raises `AdapterUnusable` where vLLM cannot load it, and another `ProviderError` where the
        process does not answer.
        """
        self._asked[adapter] += 1
        try:
            await self._have(adapter)
            await self._make_room()
            yield
        finally:
            self._asked[adapter] -= 1

    async def again(self, adapter: str) -> None:
        """Load one that the process does not know any more. Raises `ProviderError`."""
        self._loaded.pop(adapter, None)
        await self._have(adapter)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    # Private

    async def _have(self, adapter: str) -> None:
        known = self._loaded.pop(adapter, None)
        if known is None:
            known = asyncio.ensure_future(self._load(adapter))
        self._loaded[adapter] = known
        try:
            await asyncio.shield(known)
        except ProviderError:
            if self._loaded.get(adapter) is known:
                del self._loaded[adapter]
            raise

    async def _make_room(self) -> None:
        while len(self._loaded) > self._options.adapters:
            adapter = next((one for one in self._loaded if self._is_idle(one)), None)
            if adapter is None:
                return
            del self._loaded[adapter]
            self._leaving[adapter] = asyncio.ensure_future(self._unload(adapter))
            await asyncio.shield(self._leaving[adapter])

    def _is_idle(self, adapter: str) -> bool:
        return not self._asked[adapter] and self._loaded[adapter].done()

    async def _unload(self, adapter: str) -> None:
        try:
            await self._post("/unload_lora_adapter", {"lora_name": adapter})
        finally:
            del self._leaving[adapter]

    async def _load(self, adapter: str) -> None:
        if (leaving := self._leaving.get(adapter)) is not None:
            await asyncio.wait([leaving])
        try:
            folder = self._folder(adapter)
            problem = usable(folder, self._options)
        except (EscaleraError, OSError, ValueError) as error:
            raise AdapterUnusable(
                f"the adapter {adapter[:12]!r} cannot be read: {error}", provider=self._name
            ) from error
        if problem is not None:
            raise AdapterUnusable(
                f"the adapter {adapter[:12]!r} cannot be served by vLLM: {problem}. "
                "Serve it with engine = 'transformers'",
                provider=self._name,
            )
        asked = {"lora_name": adapter, "lora_path": str(folder.resolve())}
        status, said = await self._post("/load_lora_adapter", asked)
        if status == 200 or (status == 400 and "already been loaded" in said):
            return
        kind = AdapterUnusable if status < 500 or "rank" in said else ProviderUnavailable
        raise kind(
            f"vLLM does not load the adapter {adapter[:12]!r}: status {status}: {said}",
            provider=self._name,
        )

    async def _post(self, path: str, asked: dict[str, str]) -> tuple[int, str]:
        response = await self._client.send(path, msgspec.json.encode(asked))
        try:
            body = await response.whole(64 * 1024)
        finally:
            response.close()
        return response.status, wire.problem_in(body) or body.decode("utf-8", "replace")[:300]


def usable(folder: Path, options: Options) -> str | None:
    """Why vLLM cannot serve the adapter in *folder* with *options*; None where it can."""
    if not options.adapters:
        return "vllm.adapters is 0"
    files = sorted(file.name for file in folder.iterdir())
    config = {}
    if "adapter_config.json" in files:
        config = json.loads((folder / "adapter_config.json").read_bytes())
    return command.unsupported(config, files, rank=options.rank)
