"""Many simulations in processes of their own, each kept in a file: nothing is trained twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import msgspec
from bench.diagnosis import plans

from escalera.core.finetuning.finding import CAUSES, Cause
from escalera.core.finetuning.record import RunRecord

Job = tuple[Cause, int]


def jobs(first: int, count: int) -> list[Job]:
    """*count* runs, each cause in turn, with seeds from *first* on that no two share."""
    return [(CAUSES[number % len(CAUSES)], first + number) for number in range(count)]


def records(wanted: Sequence[Job], folder: Path, *, workers: int) -> list[RunRecord]:
    """The records of *wanted*, in order; those that are in *folder* are not trained again."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(job, folder) for job in wanted if not _file(job, folder).exists()]
    if missing:
        with get_context("spawn").Pool(workers) as pool:
            for done, _ in enumerate(pool.imap_unordered(_train, missing), start=1):
                print(f"\r{done} of {len(missing)} trained", end="", flush=True)
        print()
    return [msgspec.json.decode(_file(job, folder).read_bytes(), type=RunRecord) for job in wanted]


# Below: private.


def _file(job: Job, folder: Path) -> Path:
    return folder / f"{job[1]}-{job[0].replace(' ', '-')}.json"


def _train(task: tuple[Job, Path]) -> None:
    os.nice(5)
    from bench.diagnosis import training  # noqa: PLC0415  PyTorch, only where it trains

    job, folder = task
    found = training.record(plans.simulation(*job))
    file = _file(job, folder)
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(found))
    new.replace(file)
