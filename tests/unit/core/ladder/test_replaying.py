"""Mixtures whose ratio is found by pilots, and that replay what the model says itself."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from escalera.core.ladder import replaying, steps
from escalera.core.ladder.case import Case
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

A, B = playbook.task("a"), playbook.task("b")
FEW = playbook.task("b", items={**playbook.ITEMS, "train": 6})
AUTO = replace(playbook.DECLARED, replay=None, checkpoints=3)
OWN = replace(playbook.DECLARED, replayed="own")


def answers(system, item):
    """Replay of b holds it, and costs a a little; LoRA on a alone breaks b."""
    adapter = system.adapter or ""
    if not adapter:
        return float(luck(item) < {"a": 0.3, "b": 0.93}[item.task])
    replayed = re.match(r"adapter\(a 12, b (\d+)", adapter)
    count = int(replayed[1]) if replayed else 0
    rates = {"a": 0.99 - 0.02 * count, "b": {0: 0.3, 1: 0.6, 3: 0.8, 6: 0.95}.get(count, 0.96)}
    return float(luck(item) < rates[item.task])


def climb(policy):
    """The climb of that model."""
    return simulate(playbook.project(A, B, policy=policy), answers)


def mixtures(climbed):
    """How many examples of b each training of the mixture rung replayed, and until where."""
    found = []
    for step in climbed.steps:
        if isinstance(step, steps.Train) and step.rung == "mixture":
            (replayed,) = [p.examples for p in step.recipe.ingredients if p.task == "b"]
            found.append((replayed, round(step.until, 2)))
    return found


def test_each_ratio_goes_to_its_first_pause_and_the_best_to_its_end():
    """Priced before the first pilot; what the pauses score decides; only one is finished."""
    climbed = climb(AUTO)
    assert mixtures(climbed)[:4] == [(1, 0.33), (3, 0.33), (6, 0.33), (12, 0.33)]
    assert mixtures(climbed)[4:] == [(6, 0.67), (6, 1.0)]
    case = Case(project=playbook.project(A, B, policy=AUTO), evidence=climbed.evidence)
    assert [pilot.ratio for pilot in replaying.pilots(case)] == [0.1, 0.25, 0.5, 1.0]
    first = next(n for n, s in enumerate(climbed.steps) if getattr(s, "rung", "") == "mixture")
    assert any(
        isinstance(s, steps.Price) and s.event.rung == "mixture" for s in climbed.steps[:first]
    )


def test_a_ratio_that_replays_no_more_is_not_tried():
    """Six items of b are all that a half and a whole can replay: one training, and one response."""
    project = playbook.project(A, FEW, policy=AUTO)
    climbed = simulate(project, answers)
    assert mixtures(climbed) == [(1, 0.33), (3, 0.33), (6, 0.33), (6, 0.67), (6, 1.0)]
    case = Case(project=project, evidence=climbed.evidence)
    assert replaying.ratios(case) == (0.1, 0.25, 0.5)
    assert [pilot.ratio for pilot in replaying.pilots(case)] == [0.1, 0.25, 0.5]


def test_a_fixed_ratio_needs_no_pilot():
    """As ever."""
    assert {count for count, _ in mixtures(climb(playbook.DECLARED))} == {3}


def test_the_models_own_answers_are_replayed_where_they_are_right():
    """The protected task is taught what its scorer finds good enough, the failing its targets."""
    climbed = climb(OWN)
    made = next(s for s in climbed.steps if isinstance(s, steps.Distil))
    assert made.task == "b"
    assert len(made.calls) < made.asked
    taught = next(
        s.recipe for s in climbed.steps if isinstance(s, steps.Train) and s.rung == "mixture"
    )
    parts = {part.task: part for part in taught.ingredients}
    assert (parts["a"].answers, bool(parts["b"].answers)) == ("", True)
    asked = [s for s in climbed.steps if isinstance(s, steps.Evaluate) and s.purpose == "teach"]
    assert {call.item.split for step in asked for call in step.calls} == {"train"}
    assert {call.system.adapter for step in asked for call in step.calls} == {None}


@pytest.mark.parametrize("cut", [400, 700, 900])
def test_a_climb_that_was_cut_goes_on_with_the_same_pilots(cut):
    """Every step follows from the evidence."""
    project = playbook.project(A, B, policy=AUTO)
    whole = simulate(project, answers)
    first = simulate(project, answers, at_most=cut)
    rest = simulate(project, answers, events=first.events)
    assert rest.evidence.stopped[-1].route == whole.evidence.stopped[-1].route
    assert [*mixtures(first), *mixtures(rest)] == mixtures(whole)
