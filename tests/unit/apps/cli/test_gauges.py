"""What the bar of a climb says."""

from __future__ import annotations

import pytest

from escalera.apps.cli.gauges import Gauges, left
from escalera.core.ladder import steps
from escalera.core.ladder.caps import Left
from escalera.domain.event import Observed
from escalera.domain.project import Policy
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

PROJECT = playbook.project(playbook.task("a"), playbook.task("b"), policy=Policy(looks=(0.5, 1.0)))


def answers(system, item):
    good = (item.task == "a") is (system.adapter is not None)
    return float(luck(item) < (0.97 if good else 0.3))


@pytest.fixture(scope="module")
def climbed():
    return simulate(PROJECT, answers)


def first(climbed, kind, purpose=""):
    return next(
        step
        for step in climbed.steps
        if isinstance(step, kind) and (not purpose or step.purpose == purpose)
    )


def answer(climbed, *, task, system, score):
    found = next(event for event in climbed.events if isinstance(event, Observed))
    return Observed(
        **{name: getattr(found, name) for name in Observed.__dataclass_fields__}
        | {"task": task, "system": system, "score": score}
    )


def test_a_training_says_its_loss(climbed):
    """And nothing of it once something else is done."""
    gauges = Gauges()
    gauges.began(first(climbed, steps.Train))
    assert gauges.words() == ""
    gauges.progressed("training, loss 1.250, 5,000 tokens/s")
    assert gauges.words() == "loss 1.250, 5,000 tokens/s"
    gauges.began(first(climbed, steps.Evaluate))
    gauges.progressed("race")
    assert gauges.words() == ""


def test_scores_of_checkpoints_stay_while_the_training_goes_on(climbed):
    """Of every type the latest checkpoint's, and none of a race."""
    gauges, look = Gauges(), first(climbed, steps.Evaluate, "checkpoint")
    gauges.began(look)
    for system, task, score in (("x", "a_b", 1.0), ("x", "a_b", 0.0), ("y", "c", 1.0)):
        gauges.appended(answer(climbed, task=task, system=system, score=score))
    assert gauges.words() == "a b 0.50, c 1.00"
    gauges.began(first(climbed, steps.Train))
    gauges.progressed("training, loss 0.500")
    assert gauges.words() == "loss 0.500; last: a b 0.50, c 1.00"
    gauges.began(look)
    gauges.appended(answer(climbed, task="a_b", system="z", score=1.0))
    gauges.appended(answer(climbed, task="a_b", system="z", score=None))
    assert gauges.words() == "a b 1.00, c 1.00"
    gauges.began(first(climbed, steps.Evaluate, "race"))
    gauges.appended(answer(climbed, task="c", system="z", score=1.0))
    assert gauges.words() == ""


def test_what_is_left_is_told():
    """Of every cap that there is, and nothing without one."""
    assert left(Left()) == ""
    found = Left(micro_dollars=31_200, calls=1204, tokens=0, seconds=90)
    assert left(found) == "$0.0312, 1,204 calls, 0 tokens, 1.5 min left"
