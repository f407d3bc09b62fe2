"""Finetuning jobs are worked off here: one at a time, each to its end or until it is told to stop.

Whatever a job has come to is in the queue and in its checkpoint before anything is made of it. So a
foreman that is killed loses nothing: the next one takes the job up, tells again only what was not
told, and leaves the same weights.
"""

from __future__ import annotations

from collections.abc import Callable

from escalera.domain.job import ENDED, JobStatus
from escalera.engine.examining import Examiner
from escalera.engine.shift import Shift
from escalera.engine.workshop import Workshop

SILENT = 60.0
"""Seconds after which a worker of another machine that says nothing is taken for dead."""


class Foreman:
    """Works off the queue as *name*, its machine and its own, until *stopping*."""

    def __init__(self, shop: Workshop, name: str, stopping: Callable[[], bool]) -> None:
        self._shop, self._name, self._stopping = shop, name, stopping

    def round(self) -> bool:
        """Check the files of jobs that are new, and work on the next one; False where none waits.

        Raises `StoreUnavailable`.
        """
        found = self.examine()
        shop = self._shop
        job = shop.queue.take(self._name, ["queued"], "running", now=shop.now(), silent=SILENT)
        if job is None:
            self._tidy()
            return found
        Shift(shop, job, self._name, self._stopping, self.examine).work()
        return True

    def _tidy(self) -> None:
        """Forget what is kept of jobs that were cancelled while nobody worked on them."""
        for id_ in self._shop.left():
            job = self._shop.queue.get(id_)
            if job is None or job.status in ENDED:
                self._shop.forget(id_)

    def examine(self) -> bool:
        """Check the files of every job that is new; whether there was one."""
        shop, found = self._shop, False
        new: JobStatus = "validating_files"
        while not self._stopping():
            job = shop.queue.take(self._name, [new], new, now=shop.now(), silent=SILENT)
            if job is None:
                break
            Examiner(shop, job, self._name).work()
            found = True
        return found
