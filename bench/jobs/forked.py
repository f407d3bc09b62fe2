"""Jobs without a gateway: the process that works on them is forked from one that has loaded all.

So a kill costs no loading, and many fall into the training itself.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

from bench.jobs import seen
from bench.jobs.seen import EARLY, EXAMPLES, JOBS, LONGEST, NUMBERS, Kill
from tests.end_to_end import tuned

from escalera.apps import working
from escalera.domain.job import Hyperparameters, Job, JobWish
from escalera.domain.stored_file import Incoming
from escalera.edges.training import local
from escalera.wiring import stores

LOADED = local
"""What is heavy is loaded before anything is forked."""


def undisturbed(folder: Path) -> list[str]:
    """The artifacts of jobs that nobody disturbs."""
    ids = _ask(folder)
    process = _begin(folder)
    process.join()
    return seen.made(folder, ids)[0]


def disturbed(folder: Path, many: int, seed: int) -> tuple[list[Kill], list[str], list[int]]:
    """The kills, the artifacts, and how often each job was begun or taken up."""
    draw = random.Random(seed)
    ids, kills = _ask(folder), list[Kill]()
    process = _begin(folder)
    while len(kills) < many:
        job = seen.at_work(folder, ids)
        if job is not None and draw.random() >= EARLY:
            seen.until_further(folder, job)
        time.sleep(draw.uniform(0.0, LONGEST))
        job = seen.at_work(folder, ids)
        if job is None:
            break
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        kept = seen.kept_steps(folder, job)
        process = _begin(folder)
        later = seen.later_steps(folder, job, kept)
        kills.append(Kill(aim="trainer", job=job[-6:], kept=kept, later=later))
        print(kills[-1], flush=True)
    process.join()
    return kills, *seen.made(folder, ids)


# Below: private.


def _begin(folder: Path) -> multiprocessing.Process:
    """A process that works off the jobs and ends."""
    context = multiprocessing.get_context("fork")
    file = folder / "escalera.toml"
    process = context.Process(target=working.work, args=(file,), kwargs={"once": True})
    process.start()
    return process  # type: ignore[return-value]


def _ask(folder: Path) -> list[str]:
    """The ids of the jobs."""
    kept = stores.of(tuned.project(folder))
    lines = folder / "lines.jsonl"
    lines.write_bytes(tuned.chats(EXAMPLES))
    about = Incoming(name="lines.jsonl", purpose="fine-tune", created=1.0)
    file, ids = kept.files().keep(lines, about).id, [stores.new_job() for _ in range(JOBS)]
    for seed, id_ in enumerate(ids):
        wish = JobWish(
            model="small", training_file=file, seed=seed, hyperparameters=Hyperparameters(**NUMBERS)
        )
        kept.jobs().add(Job(id=id_, wish=wish, created=1.0))
    return ids
