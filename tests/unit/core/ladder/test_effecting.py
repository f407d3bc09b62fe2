"""What more rows add, as a plan: two arms, the same recipe, the same items."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evidence import Evidence
from escalera.core.ladder import effecting, steps
from escalera.core.ladder.case import Case
from escalera.core.ladder.effecting import Arm
from escalera.domain.dataset import Examples
from escalera.testing import playbook
from escalera.testing.playbook import luck

TASK = playbook.task("a", items={"train": 20, "search": 60, "confirm": 10})
NEW = [replace(TASK.items("train")[0], id=f"a/new/{n}", input=f"new {n}") for n in range(4)]
MORE = replace(TASK, examples=Examples([*TASK.examples, *NEW]).in_order(seed=0))
WITHOUT = Arm(project=playbook.project(TASK), task="a", seeds=3)
WITH = replace(WITHOUT, project=playbook.project(MORE))


def answers(system, item):
    """Better by a tenth with four more examples."""
    assert system.adapter is not None
    return float(luck(item) < (0.6 if "24" in system.adapter else 0.5))


def named(step, events):
    """Adapters by recipe: a simulated training names it by its examples alone."""
    if isinstance(step, steps.Train):
        seed = step.recipe.levers.seed
        return [replace(event, adapter=f"{event.adapter} seed {seed}") for event in events]
    return events


def followed(arm, evidence):
    """All steps until there is nothing left to do."""
    done = []
    while (step := effecting.next_step(arm, evidence)) is not None:
        done.append(step)
        made = playbook.perform(step, project=arm.project, evidence=evidence, answers=answers)
        for event in named(step, made):
            evidence.apply(event)
    return done


def test_both_arms_are_the_same_recipe_but_for_the_rows() -> None:
    """Levers, prompt and seeds are shared; what is learned is not."""
    evidence = Evidence()
    done = {arm.task + str(n): followed(arm, evidence) for n, arm in enumerate((WITHOUT, WITH))}
    recipes = [
        [step.recipe for step in steps_ if isinstance(step, steps.Train)]
        for steps_ in done.values()
    ]
    assert [len(found) for found in recipes] == [3, 3]
    for one, other in zip(*recipes, strict=True):
        assert one.levers == other.levers
        assert one.ingredients[0].prompt == other.ingredients[0].prompt
        assert (one.ingredients[0].examples, other.ingredients[0].examples) == (20, 24)
    assert len({recipe.levers.seed for recipe in recipes[0]}) == 3
    asked = [s for found in done.values() for s in found if isinstance(s, steps.Evaluate)]
    assert {call.item.split for step in asked for call in step.calls} == {"search"}
    assert followed(WITH, evidence) == []


def test_the_effect_is_that_of_the_same_items() -> None:
    """An item that has no score in one training is left out of all, and counted."""
    evidence = Evidence()
    for arm in (WITHOUT, WITH):
        followed(arm, evidence)
    found = effecting.effect(WITH, WITHOUT, evidence, alpha=0.05)
    assert found.difference.value == pytest.approx(0.1, abs=0.02)
    assert (found.difference.n, found.unscored) == (60, 0)
    assert found.without == pytest.approx([sum(found.without) / 3] * 3)
    assert found.difference.lower <= found.difference.value <= found.difference.upper


def test_what_is_not_measured_yet_is_not_complete() -> None:
    """So that a cap is told from an answer."""
    evidence = Evidence()
    assert not effecting.complete(WITHOUT, evidence)
    followed(WITHOUT, evidence)
    assert effecting.complete(WITHOUT, evidence)
    assert not effecting.complete(WITH, evidence)


def test_no_common_item_is_no_effect() -> None:
    """Where no answer has a score."""
    evidence = Evidence()
    global_answers = lambda system, item: None  # noqa: E731
    for arm in (WITHOUT, WITH):
        while (step := effecting.next_step(arm, evidence)) is not None:
            made = playbook.perform(
                step, project=arm.project, evidence=evidence, answers=global_answers
            )
            for event in named(step, made):
                evidence.apply(event)
    with pytest.raises(ValueError, match="no item has a score"):
        effecting.effect(WITH, WITHOUT, evidence, alpha=0.05)


def test_the_arm_with_the_rows_is_what_a_climb_on_them_would_train() -> None:
    """The recipe is that of the task's own items when the file is added to the project."""
    case = Case(project=WITH.project, evidence=Evidence())
    recipe = effecting.recipe(case, MORE, 0)
    assert recipe.levers.seed == WITH.project.policy.seed
    assert recipe.ingredients[0].examples == len(MORE.items("train"))
