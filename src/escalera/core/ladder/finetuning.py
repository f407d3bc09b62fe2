"""The LoRA rung: one adapter on the failing tasks, used for every query.

It is cheap to make and to keep, and it is where the other tasks quietly break: so every task is
held against the incumbent.
"""

from __future__ import annotations

from escalera.core.ladder import training
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Step
from escalera.domain.recipe import TrainingRecipe


def step(case: Case) -> Step | None:
    """The next step on the LoRA rung, or None when it is decided."""
    if case.evidence.decision("lora", "") is not None:
        return None
    made_from = recipe(case)
    found = training.train(case, "lora", [made_from])
    if found is not None:
        return found
    adapter = training.adapter_of(case, made_from)
    if adapter is None:
        raise AssertionError("a training that ran left no adapter")
    return training.judge(case, "lora", case.with_adapter(case.unprompted(), adapter))


def recipe(case: Case) -> TrainingRecipe:
    """All `train` items of the failing tasks."""
    return training.recipe(case, [training.whole(task) for task in case.failing()])
