"""What finetuning jobs are worked with, and how their events are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from escalera.domain.job import Job, JobEvent, JobOutcome, Level
from escalera.domain.recipe import TrainingRecipe
from escalera.engine.job_budget import Budget
from escalera.ports import Artifacts, Progress
from escalera.ports.jobs import Concluding, FileStore, JobQueue, JobTrainer, Meter, Shelf

Data = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a job may take, and how many states of its model are published.

    `attempts` is how often in a row a job may be begun and come to nothing.
    """

    least_examples: int = 10
    examples: int = 100_000
    tokens: int = 100_000_000
    minutes: float | None = None
    checkpoints: int = 3
    attempts: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What jobs are worked with.

    `trainer` is made for a job; `left` are the ids of those of which it keeps something to go on
    from, `steps` says how many steps that are, and `forget` removes it. `plan` makes a recipe of a
    job, the digest of its file and the number of its examples, with words on why it is so.
    `concluding` is made with whom to tell of its progress, and `words` says what came of a job.
    """

    queue: JobQueue
    files: FileStore
    artifacts: Artifacts
    shelf: Shelf
    trainer: Callable[[Job], JobTrainer]
    left: Callable[[], Sequence[str]]
    steps: Callable[[str], int]
    forget: Callable[[str], None]
    plan: Callable[[Job, str, int], tuple[TrainingRecipe, Sequence[str]]]
    concluding: Callable[[Progress], Concluding]
    words: Callable[[JobOutcome], Sequence[tuple[str, Data]]]
    budget: Budget
    meter: Meter
    rules: Rules
    seconds: Callable[[], float]
    now: Callable[[], float]

    def event(
        self,
        job: Job,
        slug: str,
        message: str,
        *,
        level: Level = "info",
        data: Data | None = None,
    ) -> JobEvent:
        """An event, whose id its *slug* makes the same whenever it is told again."""
        return JobEvent(
            id=f"ftevent-{job.id.rpartition('-')[2]}-{slug}",
            job=job.id,
            created=self.now(),
            message=message,
            level=level,
            kind="message" if data is None else "metrics",
            data=data or {},
        )
