"""How much data a task needs: trainings on nested subsets, measured until a forecast is narrow.

Its steps are those of a climb, and so is its evidence: what was trained and answered is there for
whoever asks next, and a command that was interrupted goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence
from escalera.core.finetuning import data_need, data_plan, trainings
from escalera.core.finetuning.data_need import Forecast, Question
from escalera.core.finetuning.data_plan import Planned, Prices, Wish
from escalera.core.finetuning.trainings import Training
from escalera.core.ladder import distilling, materials, rating, training
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Evaluate, Step, Train
from escalera.core.prompts import operators
from escalera.domain.dataset import Example
from escalera.domain.identity import digest_of
from escalera.domain.project import Project
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import System
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
    case = Case(project=project, evidence=evidence)
    step = _next(case, project.task(asking.task), asking)
    return step if step is None else materials.before(project, evidence, step)


def forecast(project: Project, evidence: Evidence, asking: Asking) -> Forecast:
    """What more data would do, from what was measured. Raises `InputError` for too little."""
    case, task = Case(project=project, evidence=evidence), project.task(asking.task)
    done = [plan for plan in _plans(case, task, asking) if _measured(case, task, plan)]
    clusters = [item.cluster for item in _scored(case, task, done)]
    return data_need.forecast(
        _trainings(case, task, done), asking.question, pool=_pool(case, task), clusters=clusters
    )


def measured(project: Project, evidence: Evidence, asking: Asking) -> tuple[Training, ...]:
    """The trainings of the curve that were measured, in the order in which they were planned."""
    case, task = Case(project=project, evidence=evidence), project.task(asking.task)
    done = [plan for plan in _plans(case, task, asking) if _measured(case, task, plan)]
    return tuple(_trainings(case, task, done))


def prompted(case: Case, task: Task) -> System:
    """The base model under the prompt that a climb has found, or else the one that tells all."""
    if case.evidence.nominee("prompt") is not None:
        return case.unprompted().system(task.name)
    return case.system(task, operators.everything(task.parts))


# Below: private.


def _next(case: Case, task: Task, asking: Asking) -> Step | None:
    told = distilling.step(case, "lora", [task])
    if told is not None:
        return told
    whole = _recipe(case, task, Planned(examples=_pool(case, task), chain=0))
    trial = rating.step(case.evidence, "lora", whole)
    if trial is not None:
        return trial
    for plan in _plans(case, task, asking):
        recipe = _recipe(case, task, plan)
        if recipe.digest not in case.evidence.trained:
            return Train(rung="lora", recipe=recipe)
        calls = tuple(case.call(_system(case, task, plan), item) for item in _items(task))
        if case.missing(calls):
            return Evaluate(rung="lora", purpose="checkpoint", task=task.name, calls=calls)
    return None


def _plans(case: Case, task: Task, asking: Asking) -> list[Planned]:
    """The trainings to do, in order: the opening, then what narrows the forecast, while it does."""
    plans = list(data_plan.opening(_pool(case, task)))
    while len(plans) < asking.trainings:
        if not all(_measured(case, task, plan) for plan in plans):
            return plans
        advice = data_plan.advise(
            _trainings(case, task, plans),
            Wish(target=asking.question.most, deviation=DEVIATION),
            Prices(fixed=_AN_EVALUATION * _pool(case, task), per_example=1.0),
            pool=_pool(case, task),
        )
        if advice.training is None:
            return plans
        plans.append(advice.training)
    return plans


def _measured(case: Case, task: Task, plan: Planned) -> bool:
    if _recipe(case, task, plan).digest not in case.evidence.trained:
        return False
    system = _system(case, task, plan)
    return not case.missing(tuple(case.call(system, item) for item in _items(task)))


def _trainings(case: Case, task: Task, plans: Sequence[Planned]) -> list[Training]:
    """Scores on the items that every training has a score for."""
    items = _scored(case, task, plans)
    found = []
    for plan in plans:
        system = _system(case, task, plan)
        answers = [case.evidence.sample(system, item) for item in items]
        scores = [answer.score or 0.0 for answer in answers if answer is not None]
        found.append(trainings.of_scores(plan.examples, plan.chain, scores))
    return found


def _scored(case: Case, task: Task, plans: Sequence[Planned]) -> list[Example]:
    systems = [_system(case, task, plan) for plan in plans]
    found = []
    for item in _items(task):
        answers = [case.evidence.sample(system, item) for system in systems]
        if all(answer is not None and answer.score is not None for answer in answers):
            found.append(item)
    return found


def _system(case: Case, task: Task, plan: Planned) -> System:
    parts = case.evidence.trained[_recipe(case, task, plan).digest]
    return replace(prompted(case, task), adapter=parts[-1].adapter)


def _recipe(case: Case, task: Task, plan: Planned) -> TrainingRecipe:
    """A training on the beginning of the order that a chain seeds, with a seed of its own."""
    project = case.project
    found = materials.teachable(project, task).in_order(seed=plan.chain)[: plan.examples]
    without = tuple(item.id for item in found if item.id in project.without)
    rated = training.of_ingredients(
        case,
        [
            distilling.applied(
                case,
                task,
                Ingredient(
                    task=task.name,
                    prompt=prompted(case, task).prompt,
                    examples=plan.examples,
                    data=digest_of([item.digest for item in found if item.id not in without]),
                    order=plan.chain,
                    without=without,
                    paired=project.objective == "preference",
                ),
                found,
            )
        ],
    )
    return replace(rated, levers=replace(rated.levers, seed=project.policy.seed + plan.chain))


def _items(task: Task) -> Sequence[Example]:
    return task.items("search")


def _pool(case: Case, task: Task) -> int:
    return len(materials.teachable(case.project, task))
