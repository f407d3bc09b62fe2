"""One process of the gateway: it loads a configuration, serves, and takes up the next one.

    serve(start)                      # until SIGTERM or SIGINT; SIGHUP takes up the version in use

A configuration that cannot be loaded changes nothing: the worker goes on with the one that it has,
and says so in its standing.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from escalera import wiring
from escalera.apps import issued, workspace
from escalera.apps.gateway import app, desks, jobs, listening, supervisor, training_process
from escalera.apps.gateway.admitting import ManyKeys, OneKey
from escalera.apps.gateway.app import Gateway, Room, Setup
from escalera.apps.gateway.census import Census
from escalera.apps.gateway.counter import Counter
from escalera.apps.gateway.deposits import Deposits
from escalera.apps.gateway.descriptors import Fullness
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.hot import Entrance
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.recording import Recorder, Spans
from escalera.apps.gateway.regime import Regime
from escalera.apps.gateway.shelving import Shelving
from escalera.apps.gateway.standing import Standing, Voice
from escalera.apps.gateway.training_process import TrainingProcess
from escalera.domain.call_log import Retention
from escalera.domain.job import Published
from escalera.engine.serve import Desk
from escalera.errors import EscaleraError
from escalera.settings.gateway_table import GatewayTable
from escalera.wiring import stores, upstreams, vllm
from escalera.wiring.vllm import Running

EVERY = 1.0
"""Seconds between two words about how a worker stands."""
YOUNG = 50_000
"""Objects that are made before the collector of garbage looks at them."""
CAP = 4096
"""Tokens of an answer where money has to be bounded and neither caller nor project sets a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a worker is started with. `slot` is its place among *workers*; `key` is that of all
    callers, None where the store of keys is asked, or nobody. `running` are the processes that
    answer for models, by their names.
    """

    file: Path
    key: str | None = None
    models_only: bool = False
    workers: int = 1
    slot: int = 0
    running: Mapping[str, Running] = field(default_factory=dict)


class Worker:
    """A worker that is being made, and then serves. *tell* says things to whoever started it."""

    def __init__(
        self, start: Start, *, pid: int, tell: Callable[[str], None], watched: bool = False
    ) -> None:
        self._start, self._pid, self._tell, self._watched = start, pid, tell, watched
        self._stores = stores.of(start.file)
        self._wall = wiring.wall_clock()
        self._refused = ""
        self._leaving = False
        self._version = self._looks = 0
        self._voice = Voice(self._stores.standings(), start.slot, tell)
        before = self._voice.before()
        self._metrics = Metrics(None if before is None else before.metrics)
        self._table = GatewayTable()
        self._bases: tuple[str, ...] = ()
        self._tasks: tuple[str, ...] = ()
        self._reloading: asyncio.Task[None] | None = None
        self._training: asyncio.Task[None] | None = None
        self._beside_us: list[asyncio.Task[None]] = []
        self._census: Census | None = None
        self._recording: Recorder | None = None
        self._spans: Spans | None = None

    def gateway(self) -> Gateway:
        """The application. Raises `InputError` kin for what is wrong with the configuration."""
        configuration = self._stores.configurations().current()
        text = None if configuration is None else configuration.text
        number = 0 if configuration is None else configuration.number
        desk, table = self._loaded(text, before=None)
        self._table, recorder = table, self._recorder(table)
        entrance = self._entrance()
        deposits = Deposits(
            self._stores,
            table=lambda: self._table,
            now=self._wall,
            tell=self._tell,
            metrics=self._metrics,
        )
        self._census = Census(deposits.book, self._stores.jobs)
        made = app.application(
            desk,
            api_key=None,
            now=self._wall,
            setup=Setup(
                table=table,
                file=str(self._start.file),
                entrance=entrance,
                metrics=self._metrics,
                sink=recorder.take,
                waiting_sink=recorder.kept,
                tell=self._tell,
                beside=lambda gateway: self._beside(
                    gateway, recorder, deposits.running(gateway, entrance)
                ),
                rooms=[*deposits.rooms(), self._jobs()],
                shelving=self._shelving(),
                gathering=upstreams.gathering,
                is_full=Fullness(upstreams.is_full, self._metrics, self._tell),
            ),
        )
        self._version = number
        return made

    def leave(self) -> None:
        """It is about to end, and another worker may have its slot from now on."""
        self._leaving = True

    # Private

    def _loaded(self, text: str | None, *, before: Desk | None) -> tuple[Desk, GatewayTable]:
        made = wiring.install(self._start.file, text=text)
        made = replace(made, running=self._start.running)
        vllm.require(made)
        self._bases = tuple(n for n, model in made.tables.models.items() if model.local)
        self._tasks = tuple(made.tables.tasks)
        project = workspace.Workspace(made)
        desk = desks.opened(
            project,
            models_only=self._start.models_only,
            before=before,
            worker=desks.AtWorker(
                metrics=self._metrics, workers=self._start.workers, tell=self._tell
            ),
        )
        return desk, made.tables.gateway

    def _jobs(self) -> Room:
        """Where finetuning jobs are asked for, as long as the table says so."""
        return jobs.opened(
            self._stores,
            lambda: self._table.jobs,
            models=lambda: self._bases,
            tasks=lambda: self._tasks,
            now=self._wall,
        )

    def _shelving(self) -> Shelving:
        """The finetuned models, read once. Raises `StoreUnavailable`."""

        def audit(model: Published, key: str) -> None:
            issued.audit(self._stores).record(
                "model-withdrawn", model.name, key=key, adapter=model.adapter, job=model.job
            )

        found = Shelving(self._stores.shelf(), audit=audit, tell=self._tell)
        found.read()
        return found

    def _entrance(self) -> Entrance:
        if self._start.key is not None or not self._stores.keys_file.exists():
            return OneKey(self._start.key)
        keys = self._stores.keys()
        door = Door(keys, keys, now=self._wall, workers=self._start.workers)
        return ManyKeys(door, now=self._wall, cap=CAP)

    def _recorder(self, table: GatewayTable) -> Recorder:
        spans = self._spans_of(table)
        made = Recorder(
            self._stores.calls(), wall=self._wall, tell=self._tell, retention=_retention(table)
        )
        self._recording, self._spans = made, spans
        made.adopt(_retention(table), spans)
        return made

    def _spans_of(self, table: GatewayTable) -> Spans | None:
        """What sends spans, where *table* wants that. Raises `MissingExtra`."""
        traces = table.traces
        if traces is None:
            return None
        return self._stores.spans(traces.endpoint, traces.share, self._tell)

    @asynccontextmanager
    async def _beside(
        self, gateway: Gateway, recorder: Recorder, deposits: AbstractAsyncContextManager[None]
    ) -> AsyncIterator[None]:
        """The request log, the standing, deposits, and the signal for another configuration."""
        recorder.open()
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(signal.SIGHUP, self._reload, gateway)
            supervisor.let_through()
        if self._watched:
            supervisor.end_with_parent(lambda: os.kill(self._pid, signal.SIGTERM))
        self._beside_us = [asyncio.create_task(self._stand(gateway))]
        self._attend()
        try:
            async with deposits:
                yield
        finally:
            for task in self._beside_us:
                task.cancel()
            await asyncio.gather(*self._beside_us, return_exceptions=True)
            await asyncio.to_thread(recorder.close)
            if self._spans is not None:
                await asyncio.to_thread(self._spans.close)
            self._say(gateway)

    def _attend(self) -> None:
        """Have the process of the jobs run where there are jobs, beside one of the workers."""
        if self._start.slot:
            return
        if self._table.jobs is None and self._training is not None:
            self._training.cancel()  # it keeps what it has
            self._training = None
        elif self._table.jobs is not None and self._training is None:
            # What a job is held against is asked of the processes that run already.
            told = vllm.encoded(self._start.running) if self._start.running else b""
            command = training_process.command(self._start.file, told=bool(told))
            process = TrainingProcess(command, self._tell, told=told)
            self._training = asyncio.create_task(process.run())
            self._beside_us.append(self._training)

    async def _stand(self, gateway: Gateway) -> None:
        while True:
            await asyncio.to_thread(self._say, gateway)
            await asyncio.sleep(EVERY)

    def _say(self, gateway: Gateway) -> None:
        self._metrics.set("configuration_version", (), self._version)
        self._metrics.set("in_flight", (), gateway.regime.requests)
        if self._census is not None and self._start.slot == 0:
            self._census.tell(self._metrics, jobs=self._table.jobs is not None)
        if isinstance(gateway.desk, Counter) and (alarm := gateway.desk.tell(self._metrics)):
            self._tell(alarm)
        if self._leaving and (found := self._voice.before()) is not None and found.pid != self._pid:
            return
        said = Standing(
            slot=self._start.slot,
            pid=self._pid,
            version=self._version,
            names=list(gateway.names()),
            metrics=self._metrics.snapshot(),
            refused=self._refused,
            looks=self._looks,
        )
        self._voice.say(said)

    # Another configuration

    def _reload(self, gateway: Gateway) -> None:
        """Take up the version in use, after one that is being taken up now."""
        before = self._reloading
        self._reloading = asyncio.get_running_loop().create_task(self._adopt(gateway, before))

    async def _adopt(self, gateway: Gateway, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        number = 0
        try:
            configuration = self._stores.configurations().current()
            if configuration is None:
                return
            number = configuration.number
            desk, table = await asyncio.to_thread(
                self._loaded, configuration.text, before=gateway.desk
            )
            regime = self._regime(desk, table, number)
            spans = self._spans_of(table) if table.traces != self._table.traces else self._spans
        except (EscaleraError, OSError) as error:
            self._refused = f"version {number}: {error}"
            self._tell(f"the configuration is not taken up: {self._refused}")
        else:
            gateway.adopt(desk, regime)
            self._table = table
            self._attend()
            self._version, self._refused = number, ""
            await self._keep(spans)
        self._looks += 1
        await asyncio.to_thread(self._say, gateway)

    async def _keep(self, spans: Spans | None) -> None:
        """Keep the log as the table says now, and let *spans* be sent."""
        before, self._spans = self._spans, spans
        if self._recording is not None:
            self._recording.adopt(_retention(self._table), spans)
        if before is not None and before is not spans:
            await asyncio.to_thread(before.close)

    def _regime(self, desk: Desk, table: GatewayTable, version: int) -> Regime:
        file = str(self._start.file)
        return app.regime_of(
            desk, table, now=self._wall, file=file, version=version, tell=self._tell
        )


def serve(
    start: Start,
    listener: socket.socket,
    *,
    pid: int,
    told: str = "",
    watched: bool = False,
    leave: Callable[[], None] = lambda: None,
) -> None:
    """Serve on *listener* until a signal ends it. Raises `InputError` kin before that begins.

    *told* is said once everything is loaded, and *leave* called when it begins to end. A worker
    that is *watched* ends with its supervisor.
    """
    listener.set_inheritable(False)  # what a worker starts would keep it open when we are gone
    made = Worker(start, pid=pid, tell=_tell, watched=watched)
    gateway = made.gateway()

    def ends() -> None:
        made.leave()
        leave()

    if told:
        _tell(f"{told}: {', '.join(gateway.names())}")
    spare_the_loaded()
    listening.server(gateway, ends=ends).run(sockets=[listener])


# Below: private.


def _retention(table: GatewayTable) -> Retention:
    """How long records are kept, and how many bytes of them."""
    return Retention(days=table.log.days, bytes=table.log.megabytes * 1_000_000)


def spare_the_loaded() -> None:
    """Let the collector of garbage look at what requests leave, not at all that was loaded.

    The hot path leaves next to no cycles; its records live until they are logged, and looking at
    them again and again costs a tenth of a request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 100)


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201  a server's own log
