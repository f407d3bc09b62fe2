"""`escalera data-need`: how many more examples a task needs, and what they would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.finetuning import data_need, data_words
from escalera.core.finetuning.data_need import Forecast, Question
from escalera.core.finetuning.trainings import FEWEST_SIZES, Training
from escalera.core.ladder import materials, needing
from escalera.core.ladder.needing import Asking
from escalera.core.ladder.steps import Step
from escalera.domain.project import Project
from escalera.domain.task import Task
from escalera.engine import climb
from escalera.engine.climb import Ports
from escalera.engine.observer import Observer, Quiet
from escalera.errors import EvidenceMissing, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class DataNeed:
    """The trainings that were measured for a task, and what they say of more data."""

    task: Task
    trainings: tuple[Training, ...]
    forecast: Forecast

    @property
    def sentence(self) -> str:
        """The answer first, then what one more point takes."""
        said = data_words.sentence(self.forecast, self.task.title)
        return f"{said}\n{data_words.gain(self.forecast)}"

    @property
    def table(self) -> tuple[tuple[str, str, str], ...]:
        """Rows of examples, score and 80 % interval: measured first, then forecast."""
        seen = [(f"{n:,}", f"{score:.3f}", "measured") for n, score in _means(self.trainings)]
        told = [
            (f"{p.examples:,}", f"{p.score:.3f}", "{:.3f} to {:.3f}".format(*p.intervals[1]))
            for p in self.forecast.predicted
        ]
        return (*seen, *told)

    @property
    def document(self) -> dict[str, Any]:
        """Everything, as JSON."""
        found = self.forecast
        return {
            "task": self.task.name,
            "bar": found.question.bar,
            "examples": found.at_hand,
            "verdict": found.verdict,
            "more": dict(zip(("median", "lower", "upper"), found.more, strict=True)),
            "price": None
            if found.price is None
            else dict(zip(("median", "lower", "upper"), found.price, strict=True)),
            "one_more_point": found.point,
            "chance_now": round(found.need.now, 4),
            "chance_ever": round(found.need.ever, 4),
            "forecast": [asdict(point) for point in found.predicted],
            "trainings": [
                {
                    "examples": one.examples,
                    "chain": one.chain,
                    "score": round(one.score, 6),
                    "items": one.items,
                }
                for one in self.trainings
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedWish:
    """What is wanted of more data; None follows from the task.

    `bar`: the score to be reached, `most`: the most examples worth having (16 times those at hand),
    `cost` of one more; `trainings`: so many at most.
    """

    bar: float | None = None
    most: int | None = None
    cost: float | None = None
    trainings: int = 12


def need(
    project: Project,
    task: Task,
    wish: NeedWish | None,
    *,
    ports: Ports,
    observer: Observer | None,
) -> DataNeed:
    """Measure what is missing, and forecast.

    Raises `InputError` for a model that cannot be trained here, for a bar or a number that makes
    no sense, and for too few examples or measurements; `EvidenceMissing` where a cap left too few.
    """
    if not project.model.trainable:
        raise InputError(
            f"the model {project.model.name!r} is served by an endpoint and cannot be trained "
            "here: name a local model under [climb]"
        )
    asked = _asking(project, task, wish or NeedWish())

    def plan(evidence: Evidence) -> Step | None:
        return needing.next_step(project, evidence, asked)

    evidence = climb.follow(project, plan, ports=ports, observer=observer or Quiet())
    measured = needing.measured(project, evidence, asked)
    if plan(evidence) is not None:
        require_curve(task, measured)
    return DataNeed(
        task=task,
        trainings=measured,
        forecast=needing.forecast(project, evidence, asked),
    )


def require_curve(task: Task, found: Sequence[Training]) -> None:
    """Raise `EvidenceMissing` where a cap left fewer sizes than a curve needs."""
    sizes = sorted({one.examples for one in found})
    if len(sizes) < FEWEST_SIZES:
        raise EvidenceMissing(
            f"the trainings for {task.name!r} ended with {len(sizes)} of the {FEWEST_SIZES} sizes "
            "that a curve needs: raise the caps under [budget] and run the command again, nothing "
            "is paid twice"
        )


# Below: private.


def _asking(project: Project, task: Task, wish: NeedWish) -> Asking:
    at_hand = len(materials.teachable(project, task))
    question = Question(
        bar=task.bar if wish.bar is None else wish.bar,
        most=16 * at_hand if wish.most is None else wish.most,
        cost_per_example=wish.cost,
    )
    data_need.check(question, at_hand)
    return Asking(task=task.name, question=question, trainings=wish.trainings)


def _means(trainings: Sequence[Training]) -> list[tuple[int, float]]:
    sizes: dict[int, list[float]] = {}
    for one in trainings:
        sizes.setdefault(one.examples, []).append(one.score)
    return [(n, sum(scores) / len(scores)) for n, scores in sorted(sizes.items())]
