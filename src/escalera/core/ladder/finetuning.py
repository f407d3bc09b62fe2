"""The rungs that train on the failing tasks and answer every query with what was learned: matrices
beside the weights (LoRA), then all weights.

They are cheap to keep, and they are where the other tasks quietly break: so every task is held
against the incumbent. All weights learn only where LoRA was shown to learn too little: what harms
other tasks is not cured by moving more weights.
"""

from __future__ import annotations

from escalera.core.ladder import training
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Step
from escalera.domain.project import RungName
from escalera.domain.recipe import TrainingRecipe


def lora(case: Case) -> Step | None:
    """The next step on the LoRA rung, or None when it is decided."""
    return _step(case, "lora", recipe(case))


def full(case: Case) -> Step | None:
    """The next step on the rung of full finetuning; None when it is decided, or LoRA sufficed."""
    before = case.evidence.decision("lora", "")
    if before is not None and before.outcome != "inadequate":
        return None
    return _step(case, "full", full_recipe(case))


def recipe(case: Case) -> TrainingRecipe:
    """All `train` items of the failing tasks."""
    return training.recipe(case, [training.whole(task) for task in case.failing()])


def full_recipe(case: Case) -> TrainingRecipe:
    """The same for all weights."""
    portions = [training.whole(task) for task in case.failing()]
    return training.recipe(case, portions, whole=True)


def whole(case: Case) -> bool:
    """Whether what answers the failing tasks is a model of its own: full finetuning reached what
    LoRA did not."""
    decided = case.evidence.decision("full", "")
    return decided is not None and decided.outcome != "inadequate"


def taught(case: Case) -> TrainingRecipe:
    """The training that a route uses for the failing tasks."""
    return full_recipe(case) if whole(case) else recipe(case)


# Below: private.


def _step(case: Case, rung: RungName, made_from: TrainingRecipe) -> Step | None:
    if case.evidence.decision(rung, "") is not None:
        return None
    found = training.train(case, rung, [made_from])
    if found is not None:
        return found
    adapter = training.adapter_of(case, made_from)
    if adapter is None:
        raise AssertionError("a training that ran left no adapter")
    return training.judge(case, rung, case.with_adapter(case.unprompted(), adapter))
