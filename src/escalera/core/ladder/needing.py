"""How much data a task needs: trainings on nested subsets, measured until a forecast is narrow.

Its steps are those of a climb, and so is its evidence: what was trained and answered is there for
whoever asks next, and a command that was interrupted goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.evidence import Evidence
from escalera.core.finetuning import data_need, data_plan
from escalera.core.finetuning.data_need import Forecast, Question
from escalera.core.finetuning.data_plan import Planned, Prices, Wish
from escalera.core.finetuning.trainings import Training
from escalera.core.ladder import materials, subsets
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Step
from escalera.core.ladder.subsets import Subsets
from escalera.domain.dataset import Example
from escalera.domain.project import Project
from escalera.domain.task import Task

DEVIATION = 0.02
"""Standard deviation of the forecast at the most examples worth having that is narrow enough."""

_AN_EVALUATION = 0.5
"""What measuring a training costs, as a share of a training on all examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is asked about a task, and after how many trainings it is answered as well as may be."""

    task: str
    question: Question
    trainings: int


def next_step(project: Project, evidence: Evidence, asking: Asking) -> Step | None:
    """The next training or measurement, or None when the forecast is as narrow as it gets.

    Raises `InputError` where there are too few examples for a curve.
    """
    nested = _subsets(project, evidence, asking)
    for plan in _plans(nested, asking):
        step = nested.step(plan)
        if step is not None:
            return materials.before(project, evidence, step)
    return None


def forecast(project: Project, evidence: Evidence, asking: Asking) -> Forecast:
    """What more data would do, from what was measured. Raises `InputError` for too little."""
    nested = _subsets(project, evidence, asking)
    done = [plan for plan in _plans(nested, asking) if nested.measured(plan)]
    scored = _scored(nested, done)
    return data_need.forecast(
        nested.trainings(done, scored),
        asking.question,
        pool=_pool(nested.case.project, nested.task),
        clusters=[item.cluster for item in scored],
    )


def measured(project: Project, evidence: Evidence, asking: Asking) -> tuple[Training, ...]:
    """The trainings of the curve that were measured, in the order in which they were planned."""
    nested = _subsets(project, evidence, asking)
    done = [plan for plan in _plans(nested, asking) if nested.measured(plan)]
    return tuple(nested.trainings(done, _scored(nested, done)))


# Below: private.


def _subsets(project: Project, evidence: Evidence, asking: Asking) -> Subsets:
    task = project.task(asking.task)
    return Subsets(
        case=Case(project=subsets.in_enough_steps(project), evidence=evidence),
        task=task,
        rated=Planned(examples=_pool(project, task), chain=0),
        seed=project.policy.seed,
    )


def _plans(nested: Subsets, asking: Asking) -> list[Planned]:
    """The trainings to do, in order: the opening, then what narrows the forecast, while it does."""
    pool = _pool(nested.case.project, nested.task)
    plans = list(data_plan.opening(pool)[: asking.trainings])
    while len(plans) < asking.trainings:
        if not all(nested.measured(plan) for plan in plans):
            return plans
        advice = data_plan.advise(
            nested.trainings(plans, _scored(nested, plans)),
            Wish(target=asking.question.most, deviation=DEVIATION),
            Prices(fixed=_AN_EVALUATION * pool, per_example=1.0),
            pool=pool,
        )
        if advice.training is None:
            return plans
        plans.append(advice.training)
    return plans


def _scored(nested: Subsets, plans: Sequence[Planned]) -> list[Example]:
    return subsets.scored(nested.case, nested.task, [nested.system(plan) for plan in plans])


def _pool(project: Project, task: Task) -> int:
    return len(materials.teachable(project, task))
