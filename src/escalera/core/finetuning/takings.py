"""How often a job is taken up again: without end while something new is kept, else a few times.

A worker that dies says nothing. So every beginning counts as one that came to nothing, until
something of it is kept or the worker leaves the job in order.
"""

from __future__ import annotations

from dataclasses import replace

from escalera.domain.job import Job

CODE = "worker_died"
"""What the error of a job is called on which workers died again and again."""


def begun(job: Job, *, steps: int) -> Job:
    """*job*, begun or taken up once more, with *steps* of its training kept by now."""
    before = 0 if steps > job.reached else job.fruitless
    return replace(job, fruitless=before + 1, reached=steps)


def left(job: Job) -> Job:
    """*job*, left in order: that proves nothing against it."""
    return replace(job, fruitless=max(0, job.fruitless - 1))


def kept(job: Job) -> Job:
    """*job*, of which something new is kept."""
    return replace(job, fruitless=0)


def hopeless(job: Job, *, most: int) -> str:
    """Why *job*, as it was begun, is not tried again; empty where it is.

    *most* beginnings in a row may come to nothing, and this one is none of them.
    """
    died = job.fruitless - 1
    if died < most:
        return ""
    where = f"behind step {job.reached}, the last that is kept" if job.reached else "at once"
    times = "once" if died == 1 else f"{died} times in a row"
    return (
        f"The process that works on the job died {times} {where}, and kept nothing new; it is not "
        "tried again. A process that dies without a word was killed, most likely because the "
        "machine had no memory left: the system's log says so. Ask for the job again with a "
        "smaller batch_size, shorter examples or fewer weights that learn, or have "
        "[training.memory] of the project file set lower."
    )
