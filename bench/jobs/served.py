"""Jobs of a gateway that is killed, with the process of its jobs or without it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import openai
from bench.jobs import seen
from bench.jobs.seen import AIMS, EARLY, EXAMPLES, JOBS, LONGEST, NUMBERS, Kill
from tests.end_to_end import tuned
from tests.end_to_end.tuned import Server


def undisturbed(folder: Path) -> list[str]:
    """The artifacts of jobs that nobody disturbs."""
    with tuned.server(folder) as server:
        ids = _ask(server)
        _finish(server, ids)
    return seen.made(folder, ids)[0]


def disturbed(folder: Path, many: int, seed: int) -> tuple[list[Kill], list[str], list[int]]:
    """The kills, the artifacts, and how often each job was begun or taken up."""
    draw = random.Random(seed)
    kills: list[Kill] = []
    with tuned.server(folder) as server:
        ids = _ask(server)
        while len(kills) < many:
            _until_worked_on(server)
            job = seen.at_work(folder, ids)
            if job is None:
                break
            if draw.random() >= EARLY:
                seen.until_further(folder, job)
            time.sleep(draw.uniform(0.0, LONGEST))
            job = seen.at_work(folder, ids)
            if job is None:
                break
            aim = draw.choice(AIMS)
            trainers = server.trainers()
            if aim != "gateway":
                for pid in trainers:
                    os.kill(pid, signal.SIGKILL)
            if aim != "trainer":
                server.stop(signal.SIGKILL)
                tuned.wait(lambda: not server.trainers())
            kept = seen.kept_steps(folder, job)
            if aim != "trainer":
                server.start()
            _until_worked_on(server, besides=trainers)
            kills.append(
                Kill(aim=aim, job=job[-6:], kept=kept, later=seen.later_steps(folder, job, kept))
            )
            print(kills[-1], flush=True)
        _finish(server, ids)
    return kills, *seen.made(folder, ids)


# Below: private.


def _ask(server: Server) -> list[str]:
    """The ids of the jobs."""
    client = server.client()
    file = tuned.upload(client, tuned.chats(EXAMPLES))
    method = {"type": "supervised", "supervised": {"hyperparameters": NUMBERS}}
    return [
        client.fine_tuning.jobs.create(
            model="small", training_file=file, seed=seed, method=method
        ).id
        for seed in range(JOBS)
    ]


def _until_worked_on(server: Server, besides: Sequence[int] = ()) -> None:
    """Wait for a process of jobs that is none of those killed."""
    tuned.wait(lambda: [pid for pid in server.trainers() if pid not in besides])


def _finish(server: Server, ids: Sequence[str]) -> None:
    for id_ in ids:
        for _ in range(20):
            try:
                tuned.ended(server.client(), id_, 600)
                break
            except openai.APIConnectionError:
                time.sleep(1)
