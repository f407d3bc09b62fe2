"""A sweep as a plan: trials, pauses, stops, and the winner on fresh items."""

from __future__ import annotations

import math
from dataclasses import replace

from escalera.core.evidence import Evidence
from escalera.core.finetuning.sweeping import OWN, PAUSES
from escalera.core.ladder import steps, sweeping
from escalera.domain.event import Failed
from escalera.domain.identity import digest_of
from escalera.domain.levers import Levers, Trainable
from escalera.domain.project import Budget
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.sweep import LeverRange, Sweep
from escalera.domain.training import Trained
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck

TASK = playbook.task("a", items={"train": 60, "search": 200, "confirm": 10})
PROJECT = replace(playbook.project(TASK, policy=DECLARED), levers=Levers(learning_rate=1e-5))
SWEEP = Sweep(
    levers=(
        LeverRange(name="learning_rate", lowest=1e-5, highest=1e-1),
        LeverRange(name="rank", choices=(4, 16)),
    ),
    trials=12,
    seed=3,
)


def answers(system, item):
    """Better near a rate of 0.001, and with more steps; the adapter's name says both."""
    _, rate, share = system.adapter.split(" ")
    far = abs(math.log10(float(rate)) + 3)
    return float(luck(item) < (0.95 - 0.25 * far) * float(share) ** 0.3)


def performed(step, project, evidence):
    """As the playbook does, but adapters tell the rate; rates from .05 on diverge."""
    if isinstance(step, steps.Train):
        if step.recipe.levers.learning_rate > 0.05:
            return [Failed(step=digest_of(step), cause="no number", retryable=False)]
        (event,) = playbook.perform(step, project=project, evidence=evidence, answers=answers)
        assert isinstance(event, Trained)
        return [replace(event, adapter=f"at {step.recipe.levers.learning_rate} {step.until}")]
    return playbook.perform(step, project=project, evidence=evidence, answers=answers)


def followed(evidence=None, at_most=1000, project=PROJECT):
    evidence, done = evidence or Evidence(), []
    while len(done) < at_most and (step := sweeping.next_step(project, evidence, "a", SWEEP)):
        done.append(step)
        for event in performed(step, project, evidence):
            evidence.apply(event)
    return done, evidence


def test_the_own_levers_come_first_and_lagging_trials_are_stopped() -> None:
    """Every trial is suggested after those before it, and paused where it is measured."""
    done, evidence = followed()
    assert isinstance(done[0], steps.Train)
    assert done[0].until == PAUSES[0]
    asked = [step for step in done if isinstance(step, steps.Suggest)]
    assert [step.number for step in asked] == list(range(1, SWEEP.trials))
    assert [len(step.tried) for step in asked] == list(range(1, SWEEP.trials))
    found = sweeping.found(PROJECT, evidence, "a", SWEEP)
    assert len(found.tried) == SWEEP.trials
    assert found.tried[OWN].values == (1e-5, 16)
    assert len(found.tried[OWN].scores) == len(PAUSES)
    assert any(0 < len(one.scores) < len(PAUSES) for one in found.tried)
    assert any(one.diverged for one in found.tried)
    assert found.cost < 0.6 * SWEEP.trials


def test_the_winner_is_confirmed_on_items_that_chose_nothing() -> None:
    """Half of the search items choose, the others are asked of two adapters alone."""
    done, evidence = followed()
    found = sweeping.found(PROJECT, evidence, "a", SWEEP)
    assert found.winner not in (None, OWN)
    last = [step for step in done if isinstance(step, steps.Evaluate)][-2:]
    fresh = {call.item.id for step in last for call in step.calls}
    chosen = {
        call.item.id
        for step in done
        if isinstance(step, steps.Evaluate) and step not in last
        for call in step.calls
    }
    assert not fresh & chosen
    assert len(fresh) == len(chosen) == 100
    assert found.difference is not None
    assert found.difference.lower > 0.0


def test_a_sweep_that_was_cut_off_goes_on_where_it_was() -> None:
    """Suggestions are in the journal, and nothing is done twice."""
    whole, _ = followed()
    for cut in (1, 7, 20, len(whole) - 1):
        before, evidence = followed(at_most=cut)
        after, _ = followed(evidence=evidence)
        assert [*before, *after] == whole
    assert followed(evidence=followed()[1])[0] == []


def test_the_caps_end_it_with_what_is_known() -> None:
    """Calls that do not fit are not begun."""
    project = replace(PROJECT, budget=Budget(calls=650))
    _, evidence = followed(project=project)
    assert evidence.spent.calls <= 650
    found = sweeping.found(project, evidence, "a", SWEEP)
    assert found.winner == OWN
    assert found.difference is None


def test_alpha_follows_the_rank_where_it_was_twice_the_rank() -> None:
    """So that the rank can be swept alone."""
    recipe = TrainingRecipe(
        model="m",
        revision="",
        ingredients=(),
        trainable=Trainable(rank=16, alpha=32),
        levers=Levers(),
    )
    changed = sweeping.applied(recipe, SWEEP, (1e-3, 4))
    assert (changed.trainable.rank, changed.trainable.alpha) == (4, 8)
    assert changed.levers.learning_rate == 1e-3
    assert sweeping.values(changed, SWEEP) == (1e-3, 4)
    other = replace(recipe, trainable=Trainable(rank=16, alpha=16))
    assert sweeping.applied(other, SWEEP, (1e-3, 4)).trainable.alpha == 16
