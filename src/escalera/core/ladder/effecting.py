"""What more rows add to a training: the same recipe with and without them, several times each.

Each of the two is a plan of its own over its own project: that with the rows has them among the
`train` items of the task, and all else is the same. The n-th training of both has the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence
from escalera.core.ladder import distilling, materials, rating, subsets, training
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Evaluate, Step, Train
from escalera.core.stats import crossed
from escalera.domain.dataset import Example
from escalera.domain.project import Project
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.system import System
from escalera.domain.task import Task
from escalera.domain.verdict import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One of the two: a project, with the rows or without them, trained `seeds` times on a task."""

    project: Project
    task: str
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the rows add, and the mean scores of every training, by its seed.

    `difference` is with less without, over items and trainings. `unscored` counts items that are
    left out because an answer to them has no score.
    """

    without: tuple[float, ...]
    with_rows: tuple[float, ...]
    difference: Figure
    unscored: int


def next_step(arm: Arm, evidence: Evidence) -> Step | None:
    """The next training or measurement of an arm; None when all are done."""
    case, task = Case(project=arm.project, evidence=evidence), arm.project.task(arm.task)
    step = _next(case, task, arm.seeds)
    return step if step is None else materials.before(arm.project, evidence, step)


def system(arm: Arm, evidence: Evidence, number: int) -> System:
    """What a training of this number left, behind the prompt that it was trained under."""
    case, task = Case(project=arm.project, evidence=evidence), arm.project.task(arm.task)
    parts = evidence.trained[recipe(case, task, number).digest]
    return replace(subsets.prompted(case, task), adapter=parts[-1].adapter)


def recipe(case: Case, task: Task, number: int) -> TrainingRecipe:
    """A training on every item of the task that can be taught; the number moves its seed."""
    whole = len(task.items("train"))
    prompt = subsets.prompted(case, task).prompt
    found = training.of_ingredients(case, [training.ingredient(case, task, whole, prompt)])
    seed = case.project.policy.seed + number
    return replace(found, levers=replace(found.levers, seed=seed))


def complete(arm: Arm, evidence: Evidence) -> bool:
    """Whether every training of an arm was measured: no cap came before."""
    return next_step(arm, evidence) is None


def effect(with_rows: Arm, without: Arm, evidence: Evidence, *, alpha: float) -> Effect:
    """The difference of two complete arms, on the `search` items that all have a score for.

    Raises `ValueError` where there is none.
    """
    items = list(without.project.task(without.task).items("search"))
    tables = [
        [[_score(arm, evidence, number, item) for item in items] for number in range(arm.seeds)]
        for arm in (with_rows, without)
    ]
    scored = [
        place
        for place in range(len(items))
        if all(row[place] is not None for table in tables for row in table)
    ]
    if not scored:
        raise ValueError("no item has a score in every training")
    ones, others = ([[row[place] or 0.0 for place in scored] for row in table] for table in tables)
    clusters = [items[place].cluster for place in scored]
    found = crossed.interval(ones, others, clusters, alpha=alpha)
    return Effect(
        without=tuple(sum(row) / len(row) for row in others),
        with_rows=tuple(sum(row) / len(row) for row in ones),
        difference=Figure(
            value=found.estimate,
            lower=found.lower,
            upper=found.upper,
            n=len(scored),
            clusters=len(set(clusters)),
        ),
        unscored=len(items) - len(scored),
    )


# Below: private.


def _next(case: Case, task: Task, seeds: int) -> Step | None:
    told = distilling.step(case, "lora", [task])
    if told is not None:
        return told
    trial = rating.step(case.evidence, "lora", recipe(case, task, 0))
    if trial is not None:
        return trial
    for number in range(seeds):
        made = recipe(case, task, number)
        if made.digest not in case.evidence.trained:
            return Train(rung="lora", recipe=made)
        calls = _calls(case, task, number)
        if case.missing(calls):
            return Evaluate(rung="lora", purpose="checkpoint", task=task.name, calls=calls)
    return None


def _calls(case: Case, task: Task, number: int) -> tuple[Call, ...]:
    arm = Arm(project=case.project, task=task.name, seeds=number + 1)
    answering = system(arm, case.evidence, number)
    return tuple(case.call(answering, item) for item in task.items("search"))


def _score(arm: Arm, evidence: Evidence, number: int, item: Example) -> float | None:
    answer = evidence.sample(system(arm, evidence, number), item)
    return None if answer is None else answer.score
