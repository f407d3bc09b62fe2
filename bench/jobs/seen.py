"""What is seen of finetuning jobs from outside: how far they are kept, and what they left."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from tests.end_to_end import tuned

from escalera.wiring import stores

JOBS = 8
NUMBERS = {"n_epochs": 40, "batch_size": 2}
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


def table(
    kills: Sequence[Kill],
    undisturbed: Sequence[str],
    disturbed: Sequence[str],
    starts: Sequence[int],
    *,
    how: str,
    seconds: float,
) -> str:
    """What became of the jobs, and every kill; *how* is what the bench was given."""
    same = sum(one == other for one, other in zip(undisturbed, disturbed, strict=True))
    lost = sum(not digest for digest in disturbed)
    anew = sum(kill.kept > 0 and kill.later < kill.kept for kill in kills)
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
            f"{seconds / 60:.0f} minutes: `python -m bench.jobs.kills {how}`.",
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


def made(folder: Path, ids: Sequence[str]) -> tuple[list[str], list[int]]:
    """The artifacts that the jobs left, empty where there is none, and how often they began."""
    kept = stores.of(folder)
    models = {model.name: model.adapter for model in kept.shelf().all()}
    jobs = [kept.jobs().get(id_) for id_ in ids]
    return (
        [models.get(job.made, "") if job is not None else "" for job in jobs],
        [job.starts if job is not None else 0 for job in jobs],
    )


def until_further(folder: Path, job: str) -> None:
    """Wait until more steps of a job are kept than now, or it has ended."""
    queue, before = stores.of(folder).jobs(), kept_steps(folder, job)

    def further() -> bool:
        found = queue.get(job)
        return found is None or found.status in tuned.ENDED or kept_steps(folder, job) > before

    tuned.wait(further, 300)


def at_work(folder: Path, ids: Sequence[str]) -> str | None:
    """The first job that has not ended; None where all have."""
    queue = stores.of(folder).jobs()
    for id_ in ids:
        job = queue.get(id_)
        if job is not None and job.status not in tuned.ENDED:
            return id_
    return None


def kept_steps(folder: Path, job: str) -> int:
    """Steps in the checkpoint of a job: in its log may be more, which are cut off."""
    for file in (stores.of(folder).folder / "jobs" / job).glob("*/state.safetensors"):
        with safe_open(file, framework="pt") as found:
            return int(found.metadata()["steps"])
    return 0


def later_steps(folder: Path, job: str, kept: int) -> int:
    """The first state that is kept after a job was taken up; 1 where it was begun anew."""
    file = stores.of(folder).jobs()

    def look() -> int | None:
        found = file.get(job)
        if found is None or found.status in tuned.ENDED:
            return kept
        now = kept_steps(folder, job)
        return now if now != kept and now else None

    return int(tuned.wait(look, 300))
