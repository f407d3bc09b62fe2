"""Starting the gateway: its configuration is taken up, and one process or several serve it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from escalera import wiring
from escalera.apps import issued
from escalera.apps.gateway import address, descriptors, supervisor, worker
from escalera.apps.gateway.supervisor import Crew, Supervisor
from escalera.apps.gateway.worker import Start
from escalera.errors import EscaleraError
from escalera.settings import project_file
from escalera.wiring import stores, vllm
from escalera.wiring.vllm import Running

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be served, where, and by how many processes.

    `key` is what every caller has to show, read from `key_variable`; None where the store of keys
    is asked.
    """

    file: Path
    host: str = "127.0.0.1"
    port: int = 8000
    key: str | None = None
    key_variable: str | None = None
    models_only: bool = False
    workers: int = 1


def has_keys(file: Path) -> bool:
    """Whether keys were made for the project's gateway."""
    return file.exists() and stores.of(file).keys_file.exists()


def serve(wanted: Wanted, tell: Tell) -> None:
    """Serve until a signal ends it. Raises `InputError` kin before anything is served."""
    supervisor.hold_back()
    descriptors.raised()
    with closing(address.listening(wanted.host, wanted.port)) as listener:
        _serve(wanted, listener, tell)


def work(wanted: Wanted, place: str) -> None:
    """Serve as one of several workers; *place* is its slot and the number of the socket."""
    slot, number, *told = place.split(":")
    running = vllm.decoded(supervisor.told()) if told else {}
    listener = socket.socket(fileno=int(number))
    start = _start(wanted, slot=int(slot), running=running)
    worker.serve(start, listener, pid=os.getpid(), watched=True)


# Below: private.


Leave = Callable[[], None]
"""Says that this gateway is about to end, and another one of the project may start."""


def _serve(wanted: Wanted, listener: socket.socket, tell: Tell) -> None:
    standings = stores.of(wanted.file).standings()
    with standings.leading(os.getpid(), workers=wanted.workers) as leave:
        version, back = _load(wanted)
        standings.clear(wanted.workers)
        where = f"{address.url(wanted.host, listener)}/v1"
        try:
            _served(wanted, listener, tell, f"serving on {where} (configuration {version})", leave)
        except EscaleraError as error:
            back(str(error))
            raise


def _served(wanted: Wanted, listener: socket.socket, tell: Tell, told: str, leave: Leave) -> None:
    with _processes(wanted, tell) as running:
        start = _start(wanted, slot=0, running=running)
        if wanted.workers == 1:
            worker.serve(start, listener, pid=os.getpid(), told=told, leave=leave)
            return
        # What is wrong with the configuration is found here, not by every worker in turn.
        worker.Worker(start, pid=os.getpid(), tell=tell).gateway()
        tell(f"{told} with {wanted.workers} workers")
        known = vllm.encoded(running) if running else b""
        crew = Crew(command=_command(wanted), workers=wanted.workers, told=known)
        asyncio.run(Supervisor(crew, listener, tell, leave=leave).run())


@contextmanager
def _processes(wanted: Wanted, tell: Tell) -> Iterator[Mapping[str, Running]]:
    """The vLLM processes of the project, ready to answer; they end after everything else."""
    processes = vllm.Processes(wiring.install(wanted.file), tell)
    if not processes.running:
        yield {}
        return
    # A model takes minutes to load: what is wrong with the configuration is found before.
    start = _start(wanted, slot=0, running=processes.running)
    worker.Worker(start, pid=os.getpid(), tell=tell).gateway()
    # Told to end, this process ends them in order, also while they load and after uvicorn, which
    # raises a signal once more when it has drained. Killed, it leaves that to their keepers.
    before = signal.signal(signal.SIGTERM, _end)
    try:
        processes.start()
        yield processes.running
    except _Ended:
        processes.stop()
        signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)
    finally:
        processes.stop()


class _Ended(BaseException):
    """SIGTERM, where it was not expected by anybody else."""


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise _Ended


def _start(wanted: Wanted, *, slot: int, running: Mapping[str, Running]) -> Start:
    return Start(
        file=wanted.file,
        key=wanted.key,
        models_only=wanted.models_only,
        workers=wanted.workers,
        slot=slot,
        running=running,
    )


Back = Callable[[str], None]
"""Goes back from a version that cannot be served, for a reason."""


def _load(wanted: Wanted) -> tuple[int, Back]:
    """Put the project file as it is now to use; the number of its version, and the way back."""
    kept = stores.of(wanted.file)
    configurations = kept.configurations()
    before, text = configurations.current(), project_file.text_of(wanted.file)
    if fresh := before is None or before.text != text:
        issued.audit(kept).record(
            "configuration-loaded", str(wanted.file), version=str(configurations.next())
        )
    used = configurations.add(text)

    def back(reason: str) -> None:
        now = configurations.current()
        if fresh and now is not None and now.number == used.number:
            told = {"version": str(used.number), "reason": reason}
            issued.audit(kept).record("configuration-refused", str(wanted.file), **told)
            configurations.refuse(used.number, instead=None if before is None else before.number)

    return used.number, back


def _command(wanted: Wanted) -> tuple[str, ...]:
    """How a worker is started."""
    command = [sys.executable, "-m", "escalera", "serve", "--project", str(wanted.file)]
    command += ["--host", wanted.host, "--workers", str(wanted.workers)]
    if wanted.key_variable is not None:
        command += ["--api-key-env", wanted.key_variable]
    if wanted.models_only:
        command.append("--models-only")
    return tuple(command)
