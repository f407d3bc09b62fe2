"""Working off the finetuning jobs of a project, in a process of its own (`escalera work`)."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from escalera import wiring
from escalera.apps import concluded
from escalera.apps.gateway import supervisor
from escalera.apps.workspace import Workspace
from escalera.engine.tuning import Foreman
from escalera.errors import InputError
from escalera.wiring import stores, tuning, vllm
from escalera.wiring.stores import Stores
from escalera.wiring.vllm import Running

IDLE = 0.5
"""Seconds between two looks into the queue while nothing is there."""
NICE = 10
"""How much a process that is watched steps back for others of the machine."""


def work(file: Path, *, once: bool = False, watched: bool = False, told: bool = False) -> None:
    """Work off the jobs of the project in *file* until a signal; with *once* until none is left.

    Where it is *told*, the pipe begins with the processes that answer for models. Raises
    `InputError` kin and `StoreUnavailable`.
    """
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    running = vllm.decoded(supervisor.told()) if told else {}
    if watched:
        os.nice(NICE)
        threading.Thread(target=_end_with_parent, args=(ending,), daemon=True).start()
    kept = stores.of(file)
    with tuning.alone(kept, ending.is_set) as mine:
        if not mine:
            return
        with closing(_Office(file, kept, running, ending.is_set)) as office:
            while not ending.is_set():
                if not office.foreman().round():
                    if once:
                        return
                    ending.wait(IDLE)


# Below: private.


class _Office:
    """Has a foreman who goes by the configuration that the gateway uses.

    A job that is begun goes on by what it began with; the next one goes by what is in use then.
    """

    def __init__(
        self,
        file: Path,
        kept: Stores,
        running: Mapping[str, Running],
        stopping: Callable[[], bool],
    ) -> None:
        self._file, self._kept, self._running, self._stopping = file, kept, running, stopping
        self._name = tuning.name()
        self._used = self._text()
        self._held = ExitStack()
        self._take_up(self._used)

    def foreman(self) -> Foreman:
        """Who works now. A configuration that cannot be used changes nothing, and is told of once.

        Raises `StoreUnavailable`.
        """
        found = self._text()
        if found != self._used:
            self._used = found
            try:
                self._take_up(found)
            except InputError as error:
                said = f"finetuning jobs go on by the configuration before: {error}"
                print(said, file=sys.stderr, flush=True)  # noqa: T201  a process's own log
        return self._foreman

    def close(self) -> None:
        """Close the stores that the foreman works with; called once."""
        self._held.close()

    # Private

    def _text(self) -> str | None:
        """The project file that the gateway goes by; None where there never was one."""
        found = self._kept.configurations().current()
        return None if found is None else found.text

    def _take_up(self, text: str | None) -> None:
        with ExitStack() as held:
            self._foreman = self._made(text, held)
            before, self._held = self._held, held.pop_all()
        before.close()

    def _made(self, text: str | None, held: ExitStack) -> Foreman:
        made = wiring.install(self._file, text=text)
        made = replace(made, running=self._running)
        shop = tuning.workshop(
            made,
            self._kept,
            held,
            concluding=lambda progress: concluded.Conclusions(
                opened=Workspace(made),
                rate=tuning.rate(made),
                joules=lambda job: job.joules,
                progress=progress,
            ),
            words=concluded.told,
        )
        return Foreman(shop, self._name, self._stopping)


def _end_with_parent(ending: threading.Event) -> None:
    """The pipe of whoever started this process ends with them."""
    while os.read(sys.stdin.fileno(), 1024):  # without a buffer, whose lock would outlive us
        pass
    ending.set()
