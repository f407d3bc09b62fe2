"""Working off the finetuning jobs of a project, in a process of its own (`escalera work`)."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from escalera import wiring
from escalera.apps import concluded
from escalera.apps.gateway import supervisor
from escalera.apps.workspace import Workspace
from escalera.engine.tuning import Foreman
from escalera.wiring import stores, tuning, vllm

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
        configuration = kept.configurations().current()
        made = wiring.install(file, text=None if configuration is None else configuration.text)
        made = replace(made, running=running)
        shop = tuning.workshop(
            made,
            kept,
            concluding=lambda progress: concluded.Conclusions(
                opened=Workspace(made),
                rate=tuning.rate(made),
                joules=lambda job: job.joules,
                progress=progress,
            ),
            words=concluded.told,
        )
        foreman = Foreman(shop, tuning.name(), ending.is_set)
        while not ending.is_set():
            if not foreman.round():
                if once:
                    return
                ending.wait(IDLE)


# Below: private.


def _end_with_parent(ending: threading.Event) -> None:
    """The pipe of whoever started this process ends with them."""
    while os.read(sys.stdin.fileno(), 1024):  # without a buffer, whose lock would outlive us
        pass
    ending.set()
