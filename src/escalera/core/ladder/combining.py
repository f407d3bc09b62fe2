"""The ways out of a regression, judged on the same items: mixture, merge and route."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.ladder import finetuning, merge_race, replaying, training
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Step
from escalera.domain.levers import Trainable
from escalera.domain.project import RungName
from escalera.domain.recipe import MergePlan, TrainingRecipe
from escalera.domain.system import Route


def mixture(case: Case) -> Step | None:
    """Train on the failing tasks and a replay of the others, and judge the one adapter."""
    if _done(case, "mixture"):
        return None
    found = replaying.step(case)
    if found is not None:
        return found
    made_from = replaying.recipe(case)
    found = training.train(case, "mixture", [made_from])
    if found is not None:
        return found
    return training.judge(
        case, "mixture", case.with_adapter(case.unprompted(), _adapter(case, made_from))
    )


def route(case: Case) -> Step | None:
    """Use what was finetuned for the failing tasks, the incumbent for the others."""
    if _done(case, "route"):
        return None
    made_from = finetuning.taught(case)
    found = training.train(case, "route", [made_from])
    if found is not None:
        return found
    return training.judge(case, "route", separate(case, _adapter(case, made_from, alone=True)))


def separate(case: Case, adapter: str) -> Route:
    """The incumbent, with *adapter* behind the failing tasks only.

    Where the router abstains, the incumbent answers: a message that may be of another type, or of
    none, is not what the adapter was taught.
    """
    incumbent, short = case.incumbent(), case.unprompted()
    if incumbent is None:
        raise AssertionError("the route rung needs an incumbent")
    systems = {branch.task: branch.system for branch in incumbent.branches}
    for task in case.failing():
        systems[task.name] = replace(short.system(task.name), adapter=adapter)
    route = case.route(systems)
    if case.router is None:
        return route
    failing = {task.name for task in case.failing()}
    return replace(route, unsure=tuple(b for b in incumbent.branches if b.task in failing))


def merge(case: Case) -> Step | None:
    """Train one specialist per task, choose merge weights on `search`, judge what they merge to."""
    if _done(case, "merge"):
        return None
    recipes = specialist_recipes(case)
    if not can_be_merged(recipes[0].trainable):
        return None
    racing = sum(merge_race.calls(case.project, task) for task in case.project.tasks)
    found = training.train(case, "merge", recipes, racing=racing)
    if found is not None:
        return found
    first, *others = [_adapter(case, made_from, alone=True) for made_from in recipes]
    factors = recipes[0].trainable.factors
    chosen = merge_race.choose(case, first, others, factors=factors)
    if not isinstance(chosen, MergePlan):
        return chosen
    merged = case.evidence.merged[chosen.digest].adapter
    return training.judge(case, "merge", case.with_adapter(case.unprompted(), merged))


def specialist_recipes(case: Case) -> list[TrainingRecipe]:
    """What the failing tasks were taught, then a training for each task that it was not of.

    Where LoRA learned too little for them, all weights of each specialist learn.
    """
    others = [task for task in case.project.tasks if task not in case.failing()]
    whole = finetuning.whole(case)
    return [
        finetuning.taught(case),
        *(training.recipe(case, [training.whole(task)], whole=whole) for task in others),
    ]


def can_be_merged(trainable: Trainable) -> bool:
    """Whether what learns can be merged: not DoRA, nor tokens beside matrices, unless folded in."""
    plain = trainable.method in ("lora", "rslora") and not trainable.tokens
    return plain or not trainable.factors


# Below: private.


def _done(case: Case, rung: RungName) -> bool:
    """Whether the rung is decided, or has nothing to combine: every task was finetuned."""
    return case.evidence.decision(rung, "") is not None or len(case.failing()) == len(
        case.project.tasks
    )


def _adapter(case: Case, made_from: TrainingRecipe, *, alone: bool = False) -> str:
    adapter = training.adapter_of(case, made_from, alone=alone)
    if adapter is None:
        raise AssertionError("a training that ran left no adapter")
    return adapter
