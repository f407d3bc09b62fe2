"""What batches and finetuning jobs need from outside: files, queues, and a shelf of models.

All of it is shared by the processes of one machine, and on disk when a call returns. Everything
raises `StoreUnavailable` where the store cannot be used. Lists are newest first, in pages: at most
`limit` entries behind the one whose id is `after`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from escalera.domain.batch import Batch, BatchAnswer, BatchStatus
from escalera.domain.job import (
    Job,
    JobCheckpoint,
    JobEvent,
    JobOutcome,
    JobStatus,
    Published,
    Wanted,
)
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.stored_file import Incoming, Purpose, Space, StoredFile
from escalera.domain.training import StepSignal, TrainingRun, TrialRun
from escalera.ports import Progress


class FileStore(Protocol):
    """Files by id, their bytes on disk."""

    async def add(
        self,
        pieces: AsyncIterator[bytes],
        about: Callable[[], Incoming],
        *,
        space: Space | None = None,
    ) -> StoredFile:
        """Store what comes, piece by piece; *about* is asked when all is there.

        Raises `FileTooLarge` where there is no *space* for it. Whatever ends it early, nothing of
        it stays.
        """

    def keep(self, file: Path, about: Incoming) -> StoredFile:
        """Store a copy of a file that was made here."""

    def get(self, id_: str) -> StoredFile | None:
        """What is known of a file; None where there is none, or none any more."""

    def path(self, id_: str) -> Path:
        """Where its bytes lie. Raises `EvidenceMissing`."""

    def all(
        self,
        *,
        owner: str | None,
        purpose: Purpose | None = None,
        after: str = "",
        limit: int = 100,
        oldest_first: bool = False,
    ) -> Sequence[StoredFile]:
        """A page of the files of *owner*, of everybody for None."""

    def remove(self, id_: str) -> bool:
        """Forget a file and its bytes; False where there is none."""

    def sweep(self) -> int:
        """Remove files that have expired, and what is left of uploads that nobody ends any more.

        How many expired.
        """


class BatchBook(Protocol):
    """Batches, and the answers of those that are not over.

    A batch that is not over has one worker at a time, which keeps it by saying that it lives. What
    a worker that lost it still says changes nothing.
    """

    def open(self, batch: Batch, source: Path) -> None:
        """Add a batch; the bytes of *source* are its own from now on."""

    def get(self, id_: str) -> Batch | None:
        """A batch; None where there is none."""

    def all(self, *, owner: str | None, after: str = "", limit: int = 20) -> Sequence[Batch]:
        """A page of the batches of *owner*, of everybody for None."""

    def take(self, worker: str, *, now: float, silent: float) -> Batch | None:
        """The oldest batch that is not over and has no worker, or one that has not said for
        *silent* seconds that it lives. It counts as begun once more."""

    def beat(self, id_: str, worker: str, *, now: float, waits: str = "") -> Batch | None:
        """Say that the worker lives, and what it waits for; None where another has it now."""

    def release(self, id_: str, worker: str) -> None:
        """Let another worker take it at once."""

    def change(
        self, id_: str, edit: Callable[[Batch], Batch], *, worker: str | None = None
    ) -> Batch | None:
        """Another state of a batch, made of that of now; None where there is none, or where
        *worker* has it no more."""

    def keep(self, id_: str, worker: str, answers: Sequence[BatchAnswer]) -> Batch | None:
        """Add answers and count them; one to a line that has one is not added."""

    def standing(self) -> Mapping[BatchStatus, int]:
        """How many batches are in each status, of those that are not over."""

    def answered(self, id_: str) -> frozenset[int]:
        """The lines that have answers."""

    def answers(
        self, id_: str, *, errors: bool, after: int = 0, limit: int = 100
    ) -> Sequence[BatchAnswer]:
        """A page of the answers in the order of their lines, behind the line *after*."""

    def input(self, id_: str) -> Path:
        """Where the requests of a batch lie."""

    def forget(self, id_: str) -> None:
        """Forget the requests and answers of a batch that is over."""

    def close(self) -> None:
        """Close the store."""


class JobQueue(Protocol):
    """Jobs: the oldest that waits is taken first, by one worker.

    A worker's name is its machine and its own, `machine/own`: there is one of a machine at a time.
    """

    def add(self, job: Job) -> None:
        """Add a job."""

    def get(self, id_: str) -> Job | None:
        """A job; None where there is none."""

    def all(
        self,
        *,
        owner: str | None,
        after: str = "",
        limit: int = 20,
        metadata: Mapping[str, str] | None = None,
    ) -> Sequence[Job]:
        """A page of the jobs of *owner*, of everybody for None, that have all of *metadata*; the
        empty mapping stands for jobs without any."""

    def waiting(self, owner: str) -> int:
        """How many jobs of *owner* have not ended."""

    def standing(self) -> Mapping[JobStatus, int]:
        """How many jobs are in each status, the ended ones too."""

    def spent(self, holders: Sequence[str], *, since: float) -> Mapping[str, float]:
        """Seconds that jobs took or hold, of those begun from a time on, by their key or owner."""

    def move(self, id_: str, of: Sequence[JobStatus], to: JobStatus, *, now: float) -> Job | None:
        """Another status, if the one of now is among *of*; None where it is not. Nobody has the job
        then, and nothing is wanted of it."""

    def want(self, id_: str, wanted: Wanted) -> Job | None:
        """Say what the worker of a running job is to do; None where it does not run."""

    def take(
        self, worker: str, of: Sequence[JobStatus], to: JobStatus, *, now: float, silent: float
    ) -> Job | None:
        """The next job for a worker, in the status *to* from now on: one that waits in one of *of*,
        or one in *to* that is left behind: its worker was of the same machine, or has not said for
        *silent* seconds that it lives. Where it is to run, it counts as begun once more."""

    def beat(self, id_: str, worker: str, *, now: float, seconds: float) -> Wanted | None:
        """Say that the worker lives, and what the job took so far; what is wanted of the job, None
        where another has it now."""

    def keep(self, job: Job, *, worker: str) -> bool:
        """Replace what is known of a job that *worker* has, but for what is wanted of it; False
        where another has it. One that does not run any more is nobody's, and one that is to be
        cancelled does not succeed."""

    def tell(self, events: Sequence[JobEvent]) -> None:
        """Add events; one with a known id is not added twice."""

    def events(self, id_: str, *, after: str = "", limit: int = 20) -> Sequence[JobEvent]:
        """A page of a job's events, newest first."""

    def later(self, id_: str, *, after: str = "", limit: int = 100) -> Sequence[JobEvent]:
        """The events of a job behind the one with the id *after*, oldest first: as they came."""

    def mark(self, checkpoint: JobCheckpoint) -> None:
        """Add a checkpoint; one with a known id is not added twice."""

    def checkpoints(self, id_: str, *, after: str = "", limit: int = 10) -> Sequence[JobCheckpoint]:
        """A page of a job's checkpoints, newest first."""


class JobTrainer(Protocol):
    """Trains for a job, and can be told to stop behind any step.

    What `watch` raises, called behind every step with what it told and how many there are, ends the
    training; all that it needs to go on is kept before. A training that has ended can be asked
    again, and leaves the same.
    """

    def sizes(self, model: str, pairs: Sequence[TrainingPair]) -> Sequence[int | str]:
        """How many tokens each pair has for a model, or why it cannot be taught to it."""

    def trial(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        share: float,
        watch: Callable[[StepSignal, int], None],
    ) -> TrialRun:
        """Train for a share of the steps on most pairs, and test on the others; keep nothing."""

    def train(  # noqa: PLR0913  as the port Trainer, and what jobs ask besides
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        into: Path,
        progress: Progress,
        until: float,
        held: Sequence[TrainingPair],
        watch: Callable[[StepSignal, int], None],
    ) -> TrainingRun:
        """Train on *pairs* up to a share of the steps, and write what was learned into *into*.

        What is *held* out is measured at the end of this part. Raises `TrainingError`.
        """


class Concluding(Protocol):
    """Says what came of a training: gate, diagnosis, cost, energy and licence."""

    def __call__(
        self, job: Job, run: TrainingRun, *, pairs: Sequence[TrainingPair], adapter: str
    ) -> JobOutcome:
        """What is known of *job*, whose recipe was trained on *pairs* into the artifact *adapter*.

        `job.seconds` are what it took. Raises `EscaleraError` for what keeps the gate from being
        asked.
        """


class Shelf(Protocol):
    """The finetuned models that can be asked by name."""

    def revision(self) -> int:
        """A number that grows with every change; cheap to ask for."""

    def all(self) -> Sequence[Published]:
        """Every model, oldest first."""

    def publish(self, model: Published) -> None:
        """Put a model there, or replace what is known of it.

        Raises `InputError` for a name that is none, or that stands for another artifact.
        """

    def withdraw(self, name: str) -> bool:
        """Take a model away; its artifact stays. False where there is none."""

    def close(self) -> None:
        """Release what is held; called once."""


class Meter(Protocol):
    """Counts the energy of the machine that it is on."""

    def joules(self) -> float | None:
        """What was used since the meter was made; None where the machine does not tell."""
