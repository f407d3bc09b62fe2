"""How a training goes: what is told of it, and what it still needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.engine.workshops import Clock, world

from escalera.core.finetuning import job_plan
from escalera.domain.job import Job, JobCheckpoint, JobWish
from escalera.domain.training import StepSignal, TrainingRun
from escalera.engine.pace import Pace

pytestmark = pytest.mark.usefixtures("closed_stores")
WISH = JobWish(model="small", training_file="f")


def signal(step: int) -> StepSignal:
    return StepSignal(step=step, loss=0.5, norm=1.0, rate=0.1, tokens=20, samples=())


@pytest.fixture
def pace(tmp_path: Path) -> Pace:
    """Of a job of two epochs, at three dollars and sixty cents an hour."""
    made = world(tmp_path, price=3_600_000)
    recipe, _ = job_plan.recipe(
        WISH, job_plan.Usual(levers={"epochs": 2}), revision="r", file="d", examples=4
    )
    clock = Clock()
    shop = replace(made.shop, seconds=clock.seconds, now=lambda: 1000.0)
    return Pace(shop, Job(id="ftjob-a1", wish=WISH, created=1.0, recipe=recipe))


def test_steps_and_epochs_are_told_once(pace: Pace):
    """Each with its figures; what was not told is kept until it is."""
    for step in range(1, 11):
        pace.step(signal(step), 10)
    told = pace.fresh()
    assert [one.id for one in told if one.kind == "message"] == [
        "ftevent-a1-epoch-1",
        "ftevent-a1-epoch-2",
    ]
    last = told[-2]
    assert last.message == "Step 10/10: training loss=0.5000"
    assert last.data["total_steps"] == 10
    assert last.data["minutes_left"] == 0
    assert last.data["tokens_per_second"] > 0
    assert list(pace.fresh()) == []


def test_what_is_needed_is_known_after_some_steps(pace: Pace):
    """Before that nothing is guessed."""
    for step in range(1, 6):
        pace.step(signal(step), 20)
        assert (pace.needed(7.0), pace.finish()) == (None, None)
    pace.step(signal(6), 20)
    needed = pace.needed(7.0)
    assert needed is not None
    assert 7.0 + 14 <= needed <= 7.0 + 60
    finish = pace.finish()
    assert finish is not None
    assert finish > 1000.0


def test_a_table_has_every_step(pace: Pace):
    """With what was measured behind it."""
    run = TrainingRun(
        signals=(signal(1), signal(2)),
        planned=2,
        examples=1,
        parameters=1,
        layout="packed",
        seconds=1.0,
    )
    made = JobCheckpoint(
        id="c",
        job="ftjob-a1",
        created=1,
        step=2,
        model="m",
        metrics={"valid_loss": 0.25, "full_valid_mean_token_accuracy": 0.5},
    )
    assert pace.table(run, [made]).splitlines() == [
        "step,train_loss,valid_loss,valid_mean_token_accuracy",
        "1,0.500000,,",
        "2,0.500000,0.25,0.5",
    ]
    assert [one.id for one in pace.all(run)] == ["ftevent-a1-step-1", "ftevent-a1-step-2"]
