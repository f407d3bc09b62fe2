"""Trainings that are measured while they run: what is kept, when it stops, what was forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.ladder import steps, supervising
from escalera.core.ladder.case import Case
from escalera.domain.recipe import Rewind
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck

ITEMS = {**playbook.ITEMS, "search": 40}
A, B = playbook.task("a", items=ITEMS), playbook.task("b", items=ITEMS)
LORA = "adapter(a 12)"
BEFORE = {"a": 0.3, "b": 0.96}


def project(checkpoints: int):
    """Two tasks; prompting fails at the first."""
    policy = replace(DECLARED, checkpoints=checkpoints, rungs=("prompt", "lora"))
    return playbook.project(A, B, policy=policy)


def climb(checkpoints: int, *parts: dict[str, float]):
    """A climb whose checkpoints have these rates per task, in order."""
    shares = [(n + 1) / checkpoints for n in range(checkpoints)]
    names = [LORA + ("" if share == 1 else f" {share:.0%}") for share in shares]
    rates = dict(zip(names, parts, strict=False))

    def answers(system, item):
        found = BEFORE if system.adapter is None else rates[system.adapter]
        return float(luck(item) < found[item.task])

    made = project(checkpoints)
    found = playbook.simulate(made, answers)
    return found, Case(project=made, evidence=found.evidence)


def recipe_of(case: Case):
    """The only recipe that was trained."""
    (parts,) = case.evidence.trained.values()
    return parts[0].recipe


def untils(found) -> list[float]:
    """The shares up to which it was trained."""
    return [step.until for step in found.steps if isinstance(step, steps.Train)]


GOOD = {"a": 0.96, "b": 0.96}


def test_every_pause_is_measured_on_the_same_items_of_every_task() -> None:
    """Before the training and at each checkpoint, on the first search items only."""
    found, case = climb(3, {"a": 0.5, "b": 0.96}, {"a": 0.8, "b": 0.96}, GOOD)
    assert untils(found) == pytest.approx([1 / 3, 2 / 3, 1.0])
    asked = [s for s in found.steps if isinstance(s, steps.Evaluate) and s.purpose == "checkpoint"]
    for step in asked:
        items = [call.item for call in step.calls]
        assert items == list(case.project.task(step.task).items("search")[: supervising.ITEMS])
    adapters = {call.system.adapter for step in asked for call in step.calls}
    assert adapters >= {f"{LORA} 33%", f"{LORA} 67%", LORA}
    assert supervising.chosen(case, recipe_of(case)).adapter == LORA
    assert found.evidence.nominee("lora").adapters() == (LORA,)


def test_a_checkpoint_before_the_harm_is_chosen_and_confirmed() -> None:
    """The last forgot the other task: the earlier one is what goes to fresh items."""
    found, case = climb(3, {"a": 0.5, "b": 0.96}, GOOD, {"a": 0.97, "b": 0.4})
    assert supervising.chosen(case, recipe_of(case)).adapter == f"{LORA} 67%"
    assert found.evidence.nominee("lora").adapters() == (f"{LORA} 67%",)
    assert found.evidence.decision("lora", "").outcome == "adequate"


def test_an_adapter_for_the_tuned_task_alone_is_chosen_by_that_task() -> None:
    """Behind a route what it forgot of other tasks does not matter."""
    _, case = climb(3, {"a": 0.5, "b": 0.96}, {"a": 0.8, "b": 0.96}, {"a": 0.97, "b": 0.2})
    recipe = recipe_of(case)
    assert supervising.chosen(case, recipe).adapter == f"{LORA} 67%"
    assert supervising.chosen(case, recipe, alone=True).adapter == LORA


def test_forgetting_does_not_stop_a_training() -> None:
    """It still learns what it is tuned for: the gate says what becomes of the rest."""
    parts = [{"a": 0.5 + n / 10, "b": 0.9 - n / 5} for n in range(5)]
    found, _ = climb(5, *parts)
    assert untils(found) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_difference_that_may_be_luck_does_not_turn_the_choice() -> None:
    """The last is kept where an earlier one is nearer by less than a standard error."""
    _, case = climb(2, {"a": 0.90, "b": 0.96}, {"a": 0.88, "b": 0.96})
    assert supervising.chosen(case, recipe_of(case)).adapter == LORA


def test_a_training_whose_best_lies_behind_is_stopped() -> None:
    """Two checkpoints further and worse: the last steps are never paid for."""
    worse = [{"a": rate, "b": 0.96} for rate in (0.7, 0.5, 0.3, 0.2)]
    found, case = climb(5, GOOD, *worse)
    assert untils(found) == pytest.approx([0.2, 0.4, 0.6])
    assert supervising.ended(case, recipe_of(case))
    assert supervising.chosen(case, recipe_of(case)).adapter == f"{LORA} 20%"


def test_a_training_that_destroyed_what_it_is_tuned_for_is_stopped() -> None:
    """Nothing right at three checkpoints, where there was something before: none of them lies
    behind another, and the rest is not paid for. What climbs back goes on."""
    lost = {"a": 0.0, "b": 0.96}
    found, case = climb(6, *[lost] * 6)
    assert untils(found) == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert supervising.ended(case, recipe_of(case))
    rising = [{"a": rate, "b": 0.96} for rate in (0.0, 0.0, 0.1, 0.2, 0.6, 0.96)]
    found, _ = climb(6, *rising)
    assert len(untils(found)) == 6


def test_the_matrix_says_what_was_learned_and_forgotten() -> None:
    """Paired changes with intervals: up where it was taught, down where it was not."""
    _, case = climb(2, {"a": 0.7, "b": 0.9}, {"a": 0.96, "b": 0.3})
    first, last = case.evidence.trained[recipe_of(case).digest]
    (taught, other) = supervising.matrix(case, last)
    assert (taught.task, other.task) == ("a", "b")
    assert taught.change.lower > 0.3
    assert other.change.upper < -0.3
    assert other.change.value == pytest.approx(other.score - 31 / 32, abs=1 / 32)
    assert supervising.matrix(case, first)[0].change.value < taught.change.value


def test_one_checkpoint_measures_nothing() -> None:
    """The end alone is confirmed like everything; no call is spent on a choice of one."""
    found, case = climb(1, GOOD)
    assert untils(found) == [1.0]
    assert not [s for s in found.steps if getattr(s, "purpose", "") == "checkpoint"]
    assert supervising.calls(A, case.project.policy, 3) == 0
    assert supervising.matrix(case, case.evidence.trained[recipe_of(case).digest][0]) == ()


def test_the_price_holds_all_that_is_asked() -> None:
    """What is told before the rung is no less than what the checkpoints took."""
    found, case = climb(3, {"a": 0.5, "b": 0.96}, {"a": 0.8, "b": 0.96}, GOOD)
    asked = sum(
        len(step.calls)
        for step in found.steps
        if isinstance(step, steps.Evaluate) and step.rung == "lora"
    )
    assert asked <= found.evidence.priced["lora"].calls
    assert supervising.calls(A, case.project.policy, 1) == 32 * 4


def test_a_training_that_goes_back_is_not_paused_before() -> None:
    """Up to the step it is the one before: what that measured there is known."""
    _, case = climb(3, {"a": 0.5, "b": 0.96}, {"a": 0.6, "b": 0.96}, {"a": 0.9, "b": 0.96})
    recipe = recipe_of(case)
    (parts,) = case.evidence.trained.values()
    planned = parts[-1].planned
    untils = []
    for after in (0, round(planned / 3) - 1, round(planned / 3), planned - 1):
        back = replace(recipe, rewound=Rewind(recipe=recipe.digest, after=after, items=("a/1",)))
        step = supervising.step(case, "lora", back)
        assert isinstance(step, steps.Train)
        untils.append(step.until)
    assert untils == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1.0])
