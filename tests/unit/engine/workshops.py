"""A workshop whose trainer trains nothing: steps are numbers, and every one may be watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from escalera.core.finetuning import job_plan
from escalera.domain.job import Job, JobOutcome, JobWish, Published
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.domain.stored_file import Incoming
from escalera.domain.training import (
    SampleLoss,
    StepSignal,
    TrainingRun,
    TrialRun,
    Validation,
)
from escalera.edges.artifacts import FolderArtifacts
from escalera.edges.gateway_store.files import SQLiteFiles
from escalera.edges.gateway_store.jobs import SQLiteJobs
from escalera.engine.job_budget import Budget
from escalera.engine.workshop import Rules, Workshop

PLANNED = 12
CHAT = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "x"}]}'


@dataclass
class Clock:
    """A clock that goes on by a second whenever it is read."""

    at: float = 0.0

    def seconds(self) -> float:
        self.at += 1.0
        return self.at

    def now(self) -> float:
        return 1_800_000_000.0 + self.at


@dataclass
class Steps:
    """The port `JobTrainer`: twelve steps; what is done stays done, as with a checkpoint."""

    done: int = 0
    taught: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    best: float = 1e-3
    behind: Callable[[int], None] = lambda _: None

    def sizes(self, model: str, pairs: Sequence[TrainingPair]) -> Sequence[int | str]:
        assert model == "small"
        return ["too long" if pair.messages[0].content == "long" else 7 for pair in pairs]

    def trial(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        share: float,
        watch: Callable[[StepSignal, int], None],
    ) -> TrialRun:
        rate = recipe.levers.learning_rate or 0.0
        self.rates.append(rate)
        watch(_signal(1), 4)
        return TrialRun(loss=abs(rate - self.best) if self.best else float("inf"), tokens=9)

    def train(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        into: Path,
        progress: Callable[[str, int, int], None],
        until: float,
        held: Sequence[TrainingPair],
        watch: Callable[[StepSignal, int], None],
    ) -> TrainingRun:
        while self.done < round(until * PLANNED):
            self.done += 1
            self.taught.append(self.done)
            self.behind(self.done)
            watch(_signal(self.done), PLANNED)
        (into / "weights").write_text(f"{recipe.digest} {self.done}")
        return TrainingRun(
            signals=tuple(_signal(step) for step in range(1, self.done + 1)),
            planned=PLANNED,
            examples=len(pairs),
            parameters=1,
            layout="packed",
            seconds=1.0,
            held=Validation(step=self.done, loss=1 / self.done, accuracy=0.5) if held else None,
        )


class Shelves:
    """The port `Shelf`, in memory."""

    def __init__(self) -> None:
        self.models: dict[str, Published] = {}

    def revision(self) -> int:
        return len(self.models)

    def all(self) -> Sequence[Published]:
        return tuple(self.models.values())

    def publish(self, model: Published) -> None:
        self.models[model.name] = model

    def withdraw(self, name: str) -> bool:
        return self.models.pop(name, None) is not None

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Meter:
    """Ten joules whenever it is asked."""

    used: float = 0.0

    def joules(self) -> float | None:
        self.used += 10
        return self.used


@dataclass
class World:
    """A workshop in a folder, with what is in it at hand."""

    shop: Workshop
    queue: SQLiteJobs
    files: SQLiteFiles
    steps: Steps
    shelf: Shelves
    forgotten: list[str]

    def file(self, folder: Path, lines: Sequence[str], owner: str = "team") -> str:
        """The id of a training file."""
        made = folder / "lines.jsonl"
        made.write_text("\n".join(lines))
        about = Incoming(name="lines.jsonl", purpose="fine-tune", created=1.0, owner=owner)
        return self.files.keep(made, about).id

    def job(self, training: str, **more: object) -> Job:
        """A job, asked for."""
        wish = JobWish(model="small", training_file=training, **more)  # type: ignore[arg-type]
        made = Job(id="ftjob-a1", wish=wish, created=1.0, owner="team", key="k")
        self.queue.add(made)
        return made

    def now(self) -> Job:
        """The job as it is now."""
        found = self.queue.get("ftjob-a1")
        assert found is not None
        return found

    def said(self) -> list[str]:
        """Its events, in order."""
        return [one.message for one in self.queue.later("ftjob-a1", limit=1000)]


def world(folder: Path, *, rules: Rules | None = None, **budget: object) -> World:
    """A workshop whose learning rate is given, and whose gate says nothing."""
    clock, steps, shelf = Clock(), Steps(), Shelves()
    queue = SQLiteJobs(folder / "jobs.sqlite")
    names = iter(f"file-{n}" for n in range(1000))
    files = SQLiteFiles(folder / "files", now=clock.now, name=lambda: next(names))
    forgotten: list[str] = []

    def plan(job: Job, file: str, examples: int) -> tuple[TrainingRecipe, Sequence[str]]:
        given = {"learning_rate": 0.01} if job.wish.effort is None else {}
        return job_plan.recipe(
            job.wish, job_plan.Usual(levers=given), revision="r", file=file, examples=examples
        )

    shop = Workshop(
        queue=queue,
        files=files,
        artifacts=FolderArtifacts(folder / "artifacts"),
        shelf=shelf,
        trainer=lambda _: steps,
        left=lambda: ["ftjob-a1", "gone"],
        steps=lambda _: steps.done,
        forget=forgotten.append,
        plan=plan,
        concluding=lambda _: (
            lambda job, run, *, pairs, adapter: JobOutcome(
                minutes=job.seconds / 60, trained_tokens=sum(one.tokens for one in run.signals)
            )
        ),
        words=lambda _: [("It went well.", {})],
        budget=Budget(queue=queue, **budget),  # type: ignore[arg-type]
        meter=Meter(),
        rules=rules or Rules(least_examples=2),
        seconds=clock.seconds,
        now=clock.now,
    )
    return World(shop, queue, files, steps, shelf, forgotten)


def _signal(step: int) -> StepSignal:
    return StepSignal(
        step=step,
        loss=1 / step,
        norm=1.0,
        rate=0.01,
        tokens=10,
        samples=(SampleLoss(place=0, loss=1.0),),
    )
