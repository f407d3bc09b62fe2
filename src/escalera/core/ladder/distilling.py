"""Teaching the answers of a stronger system: it is asked about the `train` items, and what is good
enough by the task's own scorer is taught instead of the items' targets.

Whole answers are learned (sequence-level distillation; Kim and Rush 2016, arXiv 1606.07947), of
which only right ones are kept (rejection sampling; Yuan et al. 2023, arXiv 2308.01825). Its answers
are answers like all others: bought under the caps, scored, and in the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from escalera.core.evidence import Evidence
from escalera.core.ladder import materials
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Distil, Evaluate, Step
from escalera.core.prompts import operators
from escalera.domain.dataset import Example
from escalera.domain.distillation import Distilled
from escalera.domain.identity import digest_of
from escalera.domain.project import RungName, Teacher
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import System
from escalera.domain.task import Task
from escalera.errors import TrainingError

RIGHT = 1.0
"""The score that is good enough where a rule scores."""


def step(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step | None:
    """What is still to be asked of the teacher of *tasks*, or put together; None without a teacher.

    Raises `TrainingError` where no answer is good enough.
    """
    teacher = case.project.teacher
    if teacher is None:
        return None
    for task in tasks:
        found = None if of(case, task) is not None else _step(case, rung, task, teacher)
        if found is not None:
            return found
    return None


def of(case: Case, task: Task) -> Distilled | None:
    """What was put together for a task, None where nothing was yet, or there is no teacher."""
    teacher = case.project.teacher
    if teacher is None or (asked := system(case, task, teacher)) is None:
        return None
    return case.evidence.distilled.get(_question(case, task, teacher, asked))


def applied(case: Case, task: Task, made: Ingredient, items: Sequence[Example]) -> Ingredient:
    """An ingredient that takes *items*, with the teacher's answers in place of their targets."""
    found = of(case, task)
    if found is None:
        return made
    kept = frozenset(found.kept)
    without = tuple(i.id for i in items if i.id not in kept or i.id in made.without)
    taken = [item.digest for item in items if item.id not in without]
    return replace(made, data=digest_of(taken), without=without, answers=found.answers)


def calls(case: Case, tasks: Sequence[Task]) -> int:
    """The most calls to the teacher that are still to be made."""
    teacher = case.project.teacher
    if teacher is None:
        return 0
    waiting = [task for task in tasks if of(case, task) is None]
    return teacher.samples * sum(len(materials.teachable(case.project, task)) for task in waiting)


def system(case: Case, task: Task, teacher: Teacher) -> System | None:
    """Who is asked about *task*; None where its rung has put nothing forward."""
    if teacher.model is not None:
        other = Case(project=replace(case.project, model=teacher.model), evidence=case.evidence)
        found = other.system(task, operators.everything(task.parts))
    else:
        route = None if teacher.rung is None else case.evidence.nominee(teacher.rung)
        if route is None:
            return None
        found = route.system(task.name)
    drawn = replace(found.decoding, temperature=teacher.temperature, seed=case.project.policy.seed)
    return replace(found, decoding=drawn if teacher.temperature else found.decoding)


def words(evidence: Evidence, recipe: TrainingRecipe) -> tuple[str, ...]:
    """What of a recipe was distilled, and from whom; nothing where it teaches targets."""
    said = []
    for part in recipe.ingredients:
        for found in evidence.distilled.values():
            if part.answers and found.answers == part.answers:
                mean = "" if found.score is None else f"; its answers score {found.score:.3f}"
                said.append(
                    f"{part.task.replace('_', ' ')}: {len(found.kept)} of {found.asked} answers of "
                    f"{found.model} are taught, those that score {found.least:g} or more{mean}"
                )
                break
    if recipe.softened is not None:
        soft = recipe.softened
        said.append(
            f"what {soft.model} would say at every token, at the temperature {soft.temperature:g}, "
            f"is {soft.share:.0%} of the loss"
        )
    return tuple(said)


# Below: private.


def _step(case: Case, rung: RungName, task: Task, teacher: Teacher) -> Step:
    asked = system(case, task, teacher)
    if asked is None:
        raise TrainingError(
            f"the rung {teacher.rung!r} has put nothing forward that could teach {task.name!r}: "
            "allow it under climb.rungs, or name a model as training.teacher.system"
        )
    items = materials.teachable(case.project, task)
    least = _least(case, task, teacher)
    good: dict[str, Call] = {}
    for number in range(teacher.samples):
        open_ = [item for item in items if item.id not in good]
        wanted = tuple(
            materials.call(case.project, case.evidence, asked, item, repeat=number)
            for item in open_
        )
        if case.missing(wanted):
            return Evaluate(rung=rung, purpose="teach", task=task.name, calls=wanted)
        good |= {call.item.id: call for call in wanted if _score(case, call) >= least}
    if not good:
        raise TrainingError(
            f"no answer of the teacher to {len(items)} `train` items of {task.name!r} scores "
            f"{least:g}: lower training.teacher.least, raise training.teacher.samples, or name "
            "another system"
        )
    first = [case.evidence.sample(asked, item) for item in items]
    scores = [one.score for one in first if one is not None and one.score is not None]
    return Distil(
        question=_question(case, task, teacher, asked),
        task=task.name,
        calls=tuple(good[item.id] for item in items if item.id in good),
        least=least,
        asked=len(items),
        score=sum(scores) / len(scores) if scores else None,
    )


def _question(case: Case, task: Task, teacher: Teacher, asked: System) -> str:
    items = [item.digest for item in materials.teachable(case.project, task)]
    least = _least(case, task, teacher)
    return digest_of([asked, task.scorer, teacher.samples, least, items])


def _least(case: Case, task: Task, teacher: Teacher) -> float:
    if teacher.least is not None:
        return teacher.least
    return RIGHT if case.project.panel(task.scorer) is None else task.bar


def _score(case: Case, call: Call) -> float:
    answer = case.evidence.sample(call.system, call.item, call.repeat)
    score = None if answer is None else answer.score
    return -1.0 if score is None else score
