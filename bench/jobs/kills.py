"""Kill the gateway and the process of its finetuning jobs, and see what becomes of the jobs.

    python -m bench.jobs.kills --kills 20 --into build/bench/jobs --output FILE

Three jobs of one wish but for their seeds are done by a gateway that nobody disturbs. Then they are
asked of another one; at random moments while they run, SIGKILL goes to the gateway, to the process
of the jobs, or to both, and what was killed is started again. Compared are the artifacts: their
digests are those of every byte. How far a job was kept when it was killed, and the first that is
kept of it then, is read from its checkpoint.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import openai
from safetensors import safe_open
from tests.end_to_end import tuned
from tests.end_to_end.tuned import Server

from escalera.wiring import stores

JOBS = 3
NUMBERS = {"n_epochs": 8, "batch_size": 2}
EXAMPLES = 60
AIMS = ("gateway", "trainer", "both")
LONGEST = 4.0
"""Seconds after which, at most, something is killed once the jobs are worked on."""
EARLY = 0.2
"""The share of kills that come at any moment, also while nothing is trained yet."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """What was killed, how many steps of which job were kept, and how many first then."""

    aim: str
    job: str
    kept: int
    later: int


def main() -> None:
    """Kill, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, default=Path("build/bench/jobs"))
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    shutil.rmtree(asked.into, ignore_errors=True)
    began = time.monotonic()
    undisturbed = _undisturbed(asked.into / "undisturbed")
    kills, disturbed, starts = _disturbed(asked.into / "disturbed", asked.kills, asked.seed)
    text = table(kills, undisturbed, disturbed, starts, seconds=time.monotonic() - began)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")


def table(
    kills: Sequence[Kill],
    undisturbed: Sequence[str],
    disturbed: Sequence[str],
    starts: Sequence[int],
    *,
    seconds: float,
) -> str:
    """What became of the jobs, and every kill."""
    same = sum(one == other for one, other in zip(undisturbed, disturbed, strict=True))
    lost = sum(not digest for digest in disturbed)
    anew = sum(kill.kept > 0 and kill.later <= kill.kept for kill in kills)
    aims = ", ".join(f"{sum(k.aim == aim for k in kills)} {aim}" for aim in AIMS)
    rows = [
        f"| {number} | {kill.aim} | {kill.job} | {kill.kept} | {kill.later} |"
        for number, kill in enumerate(kills, start=1)
    ]
    return "\n".join(
        [
            "# Jobs under kills",
            "",
            f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
            f"{seconds / 60:.0f} minutes. `make bench-jobs` writes this anew.",
            "",
            f"{len(disturbed)} jobs of {EXAMPLES} examples and {NUMBERS['n_epochs']} epochs; "
            f"{len(kills)} times SIGKILL at random moments ({aims}).",
            "",
            "| | |",
            "|---|---|",
            f"| jobs lost | {lost} of {len(disturbed)} |",
            f"| weights that are those of an undisturbed run, byte by byte | {same} of "
            f"{len(disturbed)} |",
            f"| kills after which a job went on from fewer steps than were kept | {anew} of "
            f"{len(kills)} |",
            f"| how often the jobs were begun or taken up | {', '.join(map(str, starts))} |",
            "",
            "| kill | of | job at work | steps kept | first steps kept then |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


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


def _made(folder: Path, ids: Sequence[str]) -> tuple[list[str], list[int]]:
    """The artifacts that the jobs left, empty where there is none, and how often they began."""
    kept = stores.of(folder)
    models = {model.name: model.adapter for model in kept.shelf().all()}
    jobs = [kept.jobs().get(id_) for id_ in ids]
    return (
        [models.get(job.made, "") if job is not None else "" for job in jobs],
        [job.starts if job is not None else 0 for job in jobs],
    )


def _undisturbed(folder: Path) -> list[str]:
    with tuned.server(folder) as server:
        ids = _ask(server)
        _finish(server, ids)
    return _made(folder, ids)[0]


def _disturbed(folder: Path, many: int, seed: int) -> tuple[list[Kill], list[str], list[int]]:
    draw = random.Random(seed)
    kills: list[Kill] = []
    with tuned.server(folder) as server:
        ids = _ask(server)
        while len(kills) < many:
            _until_worked_on(server)
            job = _at_work(folder, ids)
            if job is None:
                break
            if draw.random() >= EARLY:
                _until_further(folder, job)
            time.sleep(draw.uniform(0.0, LONGEST))
            job = _at_work(folder, ids)
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
            kept = _kept(folder, job)
            if aim != "trainer":
                server.start()
            _until_worked_on(server, besides=trainers)
            kills.append(Kill(aim=aim, job=job[-6:], kept=kept, later=_later(folder, job, kept)))
            print(kills[-1], flush=True)
        _finish(server, ids)
    return kills, *_made(folder, ids)


def _until_worked_on(server: Server, besides: Sequence[int] = ()) -> None:
    """Wait for a process of jobs that is none of those killed."""
    tuned.wait(lambda: [pid for pid in server.trainers() if pid not in besides])


def _until_further(folder: Path, job: str) -> None:
    """Wait until more steps of a job are kept than now, or it has ended."""
    queue, before = stores.of(folder).jobs(), _kept(folder, job)

    def further() -> bool:
        found = queue.get(job)
        return found is None or found.status in tuned.ENDED or _kept(folder, job) > before

    tuned.wait(further, 300)


def _at_work(folder: Path, ids: Sequence[str]) -> str | None:
    """The first job that has not ended; None where all have."""
    queue = stores.of(folder).jobs()
    for id_ in ids:
        job = queue.get(id_)
        if job is not None and job.status not in tuned.ENDED:
            return id_
    return None


def _kept(folder: Path, job: str) -> int:
    """Steps in the checkpoint of a job: in its log may be more, which are cut off."""
    for file in (stores.of(folder).folder / "jobs" / job).glob("*/state.safetensors"):
        with safe_open(file, framework="pt") as found:
            return int(found.metadata()["steps"])
    return 0


def _later(folder: Path, job: str, kept: int) -> int:
    """The first state that is kept after a job was taken up; 1 where it was begun anew."""
    file = stores.of(folder).jobs()

    def look() -> int | None:
        found = file.get(job)
        if found is None or found.status in tuned.ENDED:
            return kept + 1
        now = _kept(folder, job)
        return now if now != kept and now else None

    return int(tuned.wait(look, 300))


def _finish(server: Server, ids: Sequence[str]) -> None:
    for id_ in ids:
        for _ in range(20):
            try:
                tuned.ended(server.client(), id_, 600)
                break
            except openai.APIConnectionError:
                time.sleep(1)


if __name__ == "__main__":
    main()
