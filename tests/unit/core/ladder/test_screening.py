"""Screening: what each operator is worth, from few runs on common items."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.ladder import screening, steps, wording
from escalera.core.prompts import operators
from escalera.domain.task import PromptParts
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

A = playbook.task("a")
PROJECT = playbook.project(A)
MARKS = {
    "role": A.parts.role,
    "instruction": A.parts.instruction,
    "contract": A.parts.output,
    "terse": "answer alone",
    "reasoning": "step by step",
    "self_check": "Before you answer",
}


def worth(base, **effects):
    """A model whose rate of right answers is a sum over the operators that it sees."""

    def answers(system, item):
        said = f"{system.prompt.system}|{system.prompt.template}"
        rate = base + sum(effect for name, effect in effects.items() if MARKS[name] in said)
        return float(luck(item) < rate)

    return answers


def screened(answers, project=PROJECT):
    climbed = simulate(project, answers)
    return climbed, {event.stage: event for event in climbed.evidence.screened}


def test_what_ruins_answers_is_left_out_and_what_helps_goes_on():
    """Each extra by itself first: most never meet the others."""
    _, seen = screened(worth(0.3, contract=0.4, terse=0.2, reasoning=-0.5, self_check=-0.4))
    toggles = dict(zip(seen["toggles"].factors, seen["toggles"].effects, strict=True))
    assert toggles["terse"].value > 0 > toggles["reasoning"].value
    assert "terse" in seen["toggles"].kept
    assert not {"reasoning", "self-check"} & set(seen["toggles"].kept)
    effects = dict(zip(seen["factorial"].factors, seen["factorial"].effects, strict=True))
    assert "reasoning" not in effects
    assert effects["contract"].lower > 0.1  # "contract last" tells it as well, half of the time
    assert effects["terse"].lower > 0
    assert abs(effects["role"].value) < 0.1


def test_the_finalists_hold_the_best_combination():
    """It may never have been a run itself: effects are added up."""
    climbed, _ = screened(worth(0.2, contract=0.4, terse=0.3, role=-0.2))
    names = [p.operator for p in climbed.evidence.proposed if (p.rung, p.purpose) == RACE]
    winner = climbed.evidence.nominee("prompt").system("a")
    assert len(names) <= wording.FINALISTS
    assert MARKS["contract"] in winner.prompt.system
    assert MARKS["terse"] in winner.prompt.system
    assert MARKS["role"] not in winner.prompt.system


RACE = ("prompt", "race")


def test_a_climb_asks_no_more_than_screening_may_take():
    """The bound that is told before is kept, and nearly reached."""
    climbed, seen = screened(worth(0.5))
    asked = {
        (call.system.digest, call.item.id)
        for step in climbed.steps
        if isinstance(step, steps.Evaluate)
        and step.purpose in ("pilot", "screen")
        and step.rung == "prompt"
        for call in step.calls
    }
    most = wording.calls(A, None)
    assert 0.8 * most < len(asked) <= most
    assert len(seen["factorial"].runs) == 16


def test_pilot_calls_are_part_of_the_first_stage():
    """Ten items under the prompt that tells everything: nothing extra is paid for."""
    climbed, _ = screened(worth(0.5))
    pilot, first = [s for s in climbed.steps if isinstance(s, steps.Evaluate)][:2]
    assert (pilot.purpose, first.purpose) == ("pilot", "screen")
    assert set(pilot.calls) <= set(first.calls)
    assert len(pilot.calls) == 10
    (asked,) = {call.system for call in pilot.calls}
    assert asked.prompt == operators.everything(A.parts)


def test_every_run_is_known_by_its_operators_and_its_parent():
    """The lineage of a prompt: what was turned on, over what."""
    climbed, seen = screened(worth(0.5))
    base, *others = [p for p in climbed.evidence.proposed if p.purpose == "screen"]
    assert base.operator == "role + instruction + contract"
    assert base.parent is None
    assert {p.parent for p in others} == {base.system.digest}
    known = {p.system.digest for p in climbed.evidence.proposed}
    for event in seen.values():
        assert set(event.runs) <= known


def test_operators_may_be_limited():
    """What the project file does not allow is never asked."""
    policy = replace(DECLARED, operators=("instruction", "contract", "terse"))
    climbed, seen = screened(worth(0.5), playbook.project(A, policy=policy))
    assert seen["toggles"].factors == ("terse",)
    assert set(seen["factorial"].factors) <= {"instruction", "contract", "terse"}
    for proposed in climbed.evidence.proposed:
        assert A.parts.role not in proposed.system.prompt.system


@pytest.mark.parametrize("parts", [PromptParts(), PromptParts(instruction="Sort.")])
def test_a_task_that_tells_little_is_screened_as_well(parts):
    """There is a bare message, and what can be added to it."""
    task = replace(A, parts=parts)
    climbed, _ = screened(lambda _s, item: float(luck(item) < 0.9), playbook.project(task))
    assert climbed.evidence.nominee("prompt") is not None


def test_with_one_operator_alone_there_is_nothing_to_screen():
    """One wording with the operator and one without it: no stage, a race of two."""
    policy = replace(DECLARED, operators=("instruction",))
    climbed, seen = screened(worth(0.9), playbook.project(A, policy=policy))
    assert seen == {}
    names = [p.operator for p in climbed.evidence.proposed if p.rung == "prompt"]
    assert names == ["instruction"]
    assert wording.calls(A, ("instruction",)) == 0


def test_items_that_a_run_has_no_score_for_are_left_out():
    """Unscored is not wrong: what the others answered counts."""
    right = worth(0.4, contract=0.5)
    _, seen = screened(lambda s, i: None if luck(i) < 0.3 else right(s, i))
    assert 0 < seen["toggles"].effects[0].n < screening.TOGGLE_ITEMS


def test_a_prompt_that_stands_twice_in_a_design_is_asked_once():
    """Two factors have four settings, and a design of eight runs."""
    policy = replace(DECLARED, operators=("instruction", "contract"))
    climbed, seen = screened(worth(0.5), playbook.project(A, policy=policy))
    assert len(seen["factorial"].runs) == 8
    (step,) = [s for s in climbed.steps if getattr(s, "purpose", "") == "screen"]
    assert len(set(step.calls)) == len(step.calls) == 4 * screening.FACTORIAL_ITEMS
