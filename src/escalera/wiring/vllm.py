"""The vLLM processes of a project: who starts them, who asks them, and how they are told apart.

A gateway starts every one before it serves, and its workers share them (`Processes`). Any other
command starts the one that it asks when it first asks it, and ends it with the provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import msgspec

from escalera.domain.identity import digest_of
from escalera.domain.project import BaseModel
from escalera.domain.system import Route, System
from escalera.edges.clock import SystemClock
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.vllm_process import LoadedAdapters, VLLMProcess, usable
from escalera.edges.vllm import command, kept
from escalera.edges.vllm.command import Options
from escalera.edges.vllm.kept import KeptServer
from escalera.errors import InputError, ProjectError
from escalera.settings.tables import ModelTable
from escalera.settings.vllm_table import VLLMTable
from escalera.wiring import Installation, models

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that somebody keeps running: where it listens, its key, and what it was made of."""

    port: int
    key: str = field(repr=False)
    made_of: str

    def endpoint(self, name: str) -> Endpoint:
        """The same as an endpoint, which calls the model by its name in the project file."""
        url = f"http://{command.HOST}:{self.port}/v1"
        return Endpoint(name=name, base_url=url, model=name, api_key=self.key)


class Processes:
    """The vLLM processes of a project file, for a gateway and its workers."""

    def __init__(self, made: Installation, tell: Tell) -> None:
        self._tell = tell
        self._servers: dict[str, KeptServer] = {}
        self.running: dict[str, Running] = {}
        for name, table in made.tables.models.items():
            if table.engine == "vllm":
                process = _begun(made.base_model(name), table)
                folder = models.folder(made.file, table)
                self.running[name] = process
                self._servers[name] = _server(
                    name, table, process, folder, state=made.state, tell=tell
                )

    def start(self) -> None:
        """Start them, one after the other: each looks at what the accelerator has left.

        Raises `ProviderUnavailable` for the first that does not answer.
        """
        for name, server in self._servers.items():
            self._tell(f"{name}: vLLM is loading the model")
            server.start()
            self._tell(f"{name}: vLLM answers (process {server.pid})")

    def stop(self) -> None:
        """Let them finish their answers and end them."""
        for server in self._servers.values():
            server.stop()


def provider(made: Installation, name: str) -> VLLMProcess:
    """Who answers for a model: the process that runs for it, or one of its own."""
    table, base = made.tables.models[name], made.base_model(name)
    host, asked = None, made.running.get(name)
    if asked is None:
        asked = _begun(base, table)
        folder = models.folder(made.file, table)
        host = _server(name, table, asked, folder, state=made.state)
    endpoint = asked.endpoint(name)
    adapters = made.artifacts().path
    return VLLMProcess(
        endpoint,
        adapters=LoadedAdapters(endpoint, options=_options(table), folder=adapters),
        clock=SystemClock(),
        price=base.price,
        concurrency=table.concurrency,
        host=host,
    )


def require(made: Installation) -> None:
    """Raise `InputError` where a model needs another process than those that run.

    A gateway starts its processes when it starts; another configuration cannot change them.
    """
    for name, table in made.tables.models.items():
        if table.engine == "vllm":
            process = made.running.get(name)
            if process is None or process.made_of != _made_of(made.base_model(name), table):
                raise InputError(
                    f"{made.file}: models.{name}: its vLLM process would have to be started, or "
                    "started anew. Start the gateway again to take this up"
                )


def check(made: Installation, routes: Iterable[Route]) -> None:
    """Raise `ProjectError` where a system of *routes* is none that vLLM can answer as measured.

    An adapter may be of a kind that it cannot load; and what was measured with another engine, or
    with other weights, is another system.
    """
    for route in routes:
        for branch in (*route.branches, *route.unsure):
            name = branch.system.model
            table = made.tables.models.get(name)
            if table is not None and table.engine == "vllm":
                problem = _unfit(made, table, branch.system)
                if problem:
                    raise ProjectError(
                        file=str(made.file),
                        key=f"models.{name}.engine",
                        problem=f"vLLM cannot answer for the system of {branch.task!r}: {problem}",
                        remedy="Serve it with engine = 'transformers', or climb again with vLLM",
                    )


def encoded(running: Mapping[str, Running]) -> bytes:
    """The processes in one line, for the pipe to a worker; it has their keys."""
    return msgspec.json.encode(running)


def decoded(line: bytes) -> dict[str, Running]:
    """The same, in the worker."""
    return msgspec.json.decode(line, type=dict[str, Running])


# Below: private.


def _unfit(made: Installation, table: ModelTable, system: System) -> str | None:
    if system.revision != made.base_model(system.model).revision:
        return "it was measured with other weights or another engine"
    if system.adapter is None:
        return None
    return usable(made.artifacts().path(system.adapter), _options(table))


def _begun(base: BaseModel, table: ModelTable) -> Running:
    port = kept.free_port(_table(table).port)
    return Running(port=port, key=kept.new_key(), made_of=_made_of(base, table))


def _made_of(base: BaseModel, table: ModelTable) -> str:
    return digest_of([base.revision, msgspec.to_builtins(_table(table))])


def _server(
    name: str,
    table: ModelTable,
    process: Running,
    folder: Path,
    *,
    state: Path,
    tell: Tell = lambda _: None,
) -> KeptServer:
    log = state / "vllm" / f"{quote(name, safe='')}.log"
    order = kept.ordered(
        _options(table), model=folder, name=name, port=process.port, key=process.key, log=log
    )
    return KeptServer(order, name=name, tell=tell)


def _table(table: ModelTable) -> VLLMTable:
    return table.vllm or VLLMTable()


def _options(table: ModelTable) -> Options:
    found = _table(table)
    return Options(
        program=tuple(found.command),
        arguments=tuple(found.arguments),
        port=found.port,
        adapters=found.adapters,
        rank=found.rank,
        memory=found.memory,
        start_seconds=found.start_seconds,
        stop_seconds=found.stop_seconds,
    )
