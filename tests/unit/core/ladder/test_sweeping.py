"""A sweep as a plan: trials, pauses, stops, and the winner on fresh items."""

from __future__ import annotations

import math
from dataclasses import replace

from escalera.core.evidence import Evidence
from escalera.core.finetuning import rounds
from escalera.core.finetuning.sweeping import OWN, PAUSES
from escalera.core.ladder import steps, sweeping
from escalera.domain.event import Failed
from escalera.domain.identity import digest_of
from escalera.domain.levers import Levers, Trainable
from escalera.domain.project import Budget
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.sweep import LeverRange, Suggested, Sweep
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


FORMERLY = "39165409f9dd7265c25b5f9d78195276f209951e1bc0ccdea60a8d7b963a8d69"
"""The question of this sweep, as it was recorded before there were rounds."""

THEN_STEPS = 63
"""Of such a sweep, without its first suggestion."""


def performed(step, project, evidence, said=answers):
    """As the playbook does, but adapters tell the rate; rates from .05 on diverge."""
    if isinstance(step, steps.Train):
        if step.recipe.levers.learning_rate > 0.05:
            return [Failed(step=digest_of(step), cause="no number", retryable=False)]
        (event,) = playbook.perform(step, project=project, evidence=evidence, answers=said)
        assert isinstance(event, Trained)
        return [replace(event, adapter=f"at {step.recipe.levers.learning_rate} {step.until}")]
    return playbook.perform(step, project=project, evidence=evidence, answers=said)


def followed(evidence=None, at_most=1000, project=PROJECT, said=answers):
    evidence, done = evidence or Evidence(), []
    while len(done) < at_most and (step := sweeping.next_step(project, evidence, "a", SWEEP)):
        done.append(step)
        for event in performed(step, project, evidence, said):
            evidence.apply(event)
    return done, evidence


def test_the_own_levers_come_to_their_end_and_all_others_to_the_first_pause() -> None:
    """What suggests is told of no trial more than of the others."""
    done, _ = followed()
    trained = [step for step in done if isinstance(step, steps.Train)]
    assert [step.until for step in trained[: len(PAUSES)]] == list(PAUSES)
    assert {step.recipe.digest for step in trained[: len(PAUSES)]} == {trained[0].recipe.digest}
    asked = [step for step in done if isinstance(step, steps.Suggest)]
    assert [step.number for step in asked] == list(range(1, SWEEP.trials))
    assert [len(step.tried) for step in asked] == list(range(1, SWEEP.trials))
    assert {len(one.scores) for step in asked for one in step.tried if not one.diverged} == {1}
    begun = trained[len(PAUSES) :][: SWEEP.trials - 1]
    assert {step.until for step in begun} == {PAUSES[0]}
    later = [step.until for step in trained[len(PAUSES) + len(begun) :]]
    assert later == sorted(later)


def test_each_round_leaves_behind_what_lags() -> None:
    """Within the share of all trainings, with the own levers among those that end."""
    _, evidence = followed()
    found = sweeping.found(PROJECT, evidence, "a", SWEEP)
    assert found.whole
    assert len(found.tried) == SWEEP.trials
    assert found.tried[OWN].values == (1e-5, 16)
    assert len(found.tried[OWN].scores) == len(PAUSES)
    came = [sum(len(one.scores) >= many for one in found.tried) for many in range(1, 5)]
    assert came == sorted(came, reverse=True)
    assert came[0] == SWEEP.trials - 1
    assert rounds.LEAST <= came[-1] < came[0]
    (gone,) = [number for number, one in enumerate(found.tried) if one.diverged]
    assert found.tried[gone].values[0] > 0.05
    assert found.cost <= rounds.SHARE * SWEEP.trials


def test_a_sweep_of_before_rounds_decides_as_it_did() -> None:
    """Its suggestions are kept under the question of then: steps and end are those of then."""
    formerly = Suggested(question=FORMERLY, number=1, values=(0.0029657596692192405, 16))
    evidence = Evidence()
    evidence.apply(formerly)
    done, evidence = followed(evidence=evidence)
    assert set(evidence.suggested) == {FORMERLY}
    assert len(evidence.suggested[FORMERLY]) == SWEEP.trials - 1
    found = sweeping.found(PROJECT, evidence, "a", SWEEP)
    assert [len(one.scores) for one in found.tried] == [4, 4, 1, 1, 4, 1, 2, 2, 0, 4, 1, 1]
    assert [number for number, one in enumerate(found.tried) if one.diverged] == [8]
    assert (found.winner, found.cost) == (4, 5.125)
    assert found.scores == (0.93, 0.45)
    first = next(n for n, step in enumerate(done) if isinstance(step, steps.Train))
    digests = [digest_of(step) for step in done[first:]]
    asked = [step.number for step in done if isinstance(step, steps.Suggest)]
    assert asked == list(range(2, SWEEP.trials))
    assert len(digests) == THEN_STEPS


def test_more_trials_are_another_sweep() -> None:
    """Who goes on depends on all of them; what was trained for the first is not trained anew."""
    _, evidence = followed()
    trained = sum(map(len, evidence.trained.values()))
    more = replace(SWEEP, trials=SWEEP.trials + 2)
    step = sweeping.next_step(PROJECT, evidence, "a", more)
    assert isinstance(step, steps.Suggest)
    assert step.number == 1
    for event in performed(step, PROJECT, evidence):
        evidence.apply(event)
    again = sweeping.next_step(PROJECT, evidence, "a", more)
    assert isinstance(again, steps.Suggest)
    assert again.number == 2
    assert sum(map(len, evidence.trained.values())) == trained
    assert sweeping.found(PROJECT, evidence, "a", SWEEP).whole


def test_items_that_a_trial_has_no_score_for_compare_nobody() -> None:
    """Trials at a pause are held against each other on what all of them have answered."""

    def gaps(system, item):
        # The best rate is unscored wherever it would be wrong: it must not win by that.
        right = answers(system, item)
        lucky = system.adapter.startswith("at 8.7")
        return None if lucky and not right else right

    _, evidence = followed(said=gaps)
    found = sweeping.found(PROJECT, evidence, "a", SWEEP)
    (lucky,) = [n for n, one in enumerate(found.tried) if f"{one.values[0]}".startswith("8.7")]
    assert found.tried[lucky].scores[0] == 1.0
    assert len(found.tried[lucky].scores) < len(PAUSES)
    assert found.winner != lucky


def test_a_sweep_goes_on_where_the_own_levers_diverge() -> None:
    """Another trial wins, and there is nothing to hold it against."""
    project = replace(PROJECT, levers=Levers(learning_rate=0.06))
    _, evidence = followed(project=project)
    found = sweeping.found(project, evidence, "a", SWEEP)
    assert found.tried[OWN].diverged
    assert found.winner not in (None, OWN)
    assert found.whole
    assert found.difference is None


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
    assert not found.whole
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


def test_there_are_no_more_trials_than_different_ones() -> None:
    """Equal trials would rank beside each other, and take the places of others."""
    ranks = LeverRange(name="rank", choices=(4, 16))
    own = replace(PROJECT, trainable=Trainable(rank=8, alpha=16))
    for project, trials in ((PROJECT, 2), (own, 3)):
        few = replace(SWEEP, levers=(ranks,))
        assert sweeping.found(project, Evidence(), "a", few).sweep.trials == trials
    assert sweeping.found(PROJECT, Evidence(), "a", SWEEP).sweep.trials == SWEEP.trials
    methods = LeverRange(name="method", choices=("lora", "full"))
    for wanted, trials in ((("lora", "full"), 3), (("full",), 2)):
        some = replace(SWEEP, levers=(replace(methods, choices=wanted), ranks))
        assert sweeping.found(PROJECT, Evidence(), "a", some).sweep.trials == trials
