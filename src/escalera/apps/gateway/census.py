"""How many batches and finetuning jobs there are, as the metrics tell it.

They are the machine's, not a worker's: one worker reads the stores and tells what it finds, and the
others tell nothing, so that the sum over the workers is right.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import get_args

from escalera.apps.gateway.metrics import Metrics
from escalera.domain.batch import BATCH_OVER, BatchStatus
from escalera.domain.job import ENDED, JobStatus
from escalera.errors import StoreUnavailable
from escalera.ports.jobs import BatchBook, JobQueue


class Census:
    """Counts what is in the stores; that of the jobs is opened once there are any."""

    def __init__(self, batches: BatchBook, jobs: Callable[[], JobQueue]) -> None:
        self._batches, self._open = batches, jobs
        self._jobs: JobQueue | None = None

    def tell(self, metrics: Metrics, *, jobs: bool) -> None:
        """Set what is known now; a store that is down leaves what was known before."""
        with suppress(StoreUnavailable):
            begun = self._batches.standing()
            for status in get_args(BatchStatus):
                if status not in BATCH_OVER:
                    metrics.set("batches_open", (status,), begun.get(status, 0))
        with suppress(StoreUnavailable):
            if self._jobs is None and jobs:
                self._jobs = self._open()
            found = {} if self._jobs is None else self._jobs.standing()
            for state in get_args(JobStatus) if self._jobs is not None else ():
                name = "jobs_total" if state in ENDED else "jobs_open"
                metrics.set(name, (state,), found.get(state, 0))
