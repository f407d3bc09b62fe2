"""What the training rungs share: recipes from the tasks' own `train` items, and their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from escalera.core.evaluation import compare
from escalera.core.ladder import (
    confirm,
    deciding,
    distilling,
    hosting,
    materials,
    pricing,
    rating,
    supervising,
    titles,
    words,
)
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Price, Step
from escalera.domain.identity import digest_of
from escalera.domain.levers import Trainable
from escalera.domain.project import Project, RungName
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import Prompt, Route
from escalera.domain.task import Task


def recipe(
    case: Case, portions: Sequence[tuple[Task, int]], *, whole: bool = False
) -> TrainingRecipe:
    """A training on the first items of each task, under the prompts that were confirmed.

    A portion is how many `train` items are taken; more than there are means all. With *whole* all
    weights learn, with the levers of that rung.
    """
    prompts = case.unprompted()
    return of_ingredients(
        case,
        [
            ingredient(case, task, wanted, prompts.system(task.name).prompt)
            for task, wanted in portions
        ],
        whole=whole,
    )


def of_ingredients(
    case: Case, ingredients: Sequence[Ingredient], *, whole: bool = False
) -> TrainingRecipe:
    """A training with the project's levers, and the learning rate that was found for them.

    With *whole* all weights learn, with the levers of that rung.
    """
    project = case.project
    if project.hosting is not None:
        return hosting.recipe(project, ingredients)
    levers = project.full if whole else project.levers
    if levers is None:
        raise AssertionError("the rung of full finetuning has no levers")
    made = TrainingRecipe(
        model=project.model.name,
        revision=project.model.revision,
        ingredients=tuple(ingredients),
        trainable=Trainable(method="full") if whole else project.trainable,
        levers=replace(levers, seed=project.policy.seed),
        objective=project.objective,
        beta=project.beta,
        engine=project.engine,
        softened=project.softened,
    )
    return rewound(project, rating.settled(case.evidence, made))


def rewound(project: Project, made: TrainingRecipe) -> TrainingRecipe:
    """The recipe, gone back where the project says so of it."""
    back = project.rewind
    if back is None or not made.digest.startswith(back.recipe):
        return made
    return replace(made, rewound=replace(back, recipe=made.digest))


def ingredient(case: Case, task: Task, wanted: int, prompt: Prompt) -> Ingredient:
    """The first *wanted* items of a task that can be taught, less those that are left out."""
    project = case.project
    found = materials.teachable(project, task)[:wanted]
    left_out = tuple(item.id for item in found if item.id in project.without)
    taken = [item for item in found if item.id not in left_out]
    made = Ingredient(
        task=task.name,
        prompt=prompt,
        examples=len(found),
        data=digest_of([item.digest for item in taken]),
        without=left_out,
        paired=project.objective == "preference",
    )
    return distilling.applied(case, task, made, found)


def whole(task: Task) -> tuple[Task, int]:
    """Every `train` item of a task."""
    return task, len(task.items("train"))


def adapter_of(case: Case, made_from: TrainingRecipe, *, alone: bool = False) -> str | None:
    """The adapter that a training left, or None while it has not ended.

    With *alone* it is to answer only what it was tuned for.
    """
    if not supervising.ended(case, made_from):
        return None
    return supervising.chosen(case, made_from, alone=alone).adapter


def train(
    case: Case, rung: RungName, recipes: Sequence[TrainingRecipe], *, racing: int = 0
) -> Step | None:
    """Tell the price of a rung's trainings, then run each with its checkpoints measured; None when
    every adapter is there.

    `racing` is how many calls the rung makes before it nominates a route.
    """
    if rung not in case.evidence.priced:
        new = [entry for entry in recipes if adapter_of(case, entry) is None]
        policy = case.project.policy
        tasks = case.project.tasks
        racing += sum(supervising.calls(task, policy, len(new)) for task in tasks)
        racing += distilling.calls(case, taught(case, recipes))
        calls = racing + _confirming(case)
        first = sum(compare.cutoffs(task, policy)[0] for task in case.project.tasks)
        priced = pricing.price(case, rung, calls=calls, fewest=racing + first, recipes=new)
        return Price(event=priced, title=titles.title(rung, case.project))
    told = distilling.step(case, rung, taught(case, recipes))
    if told is not None:
        return told
    for entry in recipes:
        trial = rating.step(case.evidence, rung, entry)
        if trial is not None:
            return trial
        found = supervising.step(case, rung, entry)
        if found is not None:
            return found
    return None


def taught(case: Case, recipes: Sequence[TrainingRecipe]) -> tuple[Task, ...]:
    """The tasks that some of *recipes* teach, each once."""
    names = dict.fromkeys(part.task for entry in recipes for part in entry.ingredients)
    return tuple(case.project.task(name) for name in names)


def judge(case: Case, rung: RungName, route: Route) -> Step:
    """Nominate *route*, confirm it against bars and incumbent, and decide the rung."""
    return deciding.judge(
        case,
        rung,
        route,
        tasks=case.project.tasks,
        say=words.standing,
        conclude=lambda outcome, found: _summary(titles.title(rung, case.project), outcome, found),
    )


# Below: private.


def _confirming(case: Case) -> int:
    """At most: the candidate on every `confirm` item, the incumbent where it was not asked yet."""
    items = tuple(item for task in case.project.tasks for item in task.items("confirm"))
    incumbent = case.incumbent()
    again = case.missing(case.calls(incumbent, items)) if incumbent is not None else ()
    return len(items) + len(again)


def _summary(title: str, outcome: str, found: Sequence[confirm.Standing]) -> str:
    if outcome == "adequate":
        return f"{title}: every bar is met and nothing falls by more than its margin"
    blamed = [s.task.title for s in found if s.outcome == outcome]
    said = {
        "inadequate": "does not reach the bar for",
        "regressed": "harms",
        "undecided": "is not proved for",
    }[outcome]
    return f"{title}: {said} {words.joined(blamed)}"
