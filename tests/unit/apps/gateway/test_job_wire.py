"""Jobs as callers are told of them: each in the shape that the official client knows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from openai.types import fine_tuning
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from escalera.apps.gateway import job_wire
from escalera.domain.job import Job, JobCheckpoint, JobEvent, JobOutcome, JobWish, TypeVerdict
from escalera.domain.levers import Hyperparameters, Levers, Trainable
from escalera.domain.recipe import TrainingRecipe

WISH = JobWish(model="small", training_file="file-1")
JOB = Job(id="ftjob-1", wish=WISH, created=10.7)


def test_a_new_job_is_told_as_the_client_knows_it():
    """What is left open is `auto`, what is not known yet is null."""
    told = fine_tuning.FineTuningJob.model_validate(job_wire.job(JOB), strict=True)
    assert told.status == "validating_files"
    assert told.created_at == 10
    assert told.hyperparameters.n_epochs == "auto"
    assert told.method is not None
    assert told.method.type == "supervised"
    assert (told.fine_tuned_model, told.finished_at, told.error) == (None, None, None)


def test_an_ended_job_says_what_came_of_it():
    """What was taken instead of `auto`, and what Escalera knows besides."""
    recipe = TrainingRecipe(
        model="small",
        revision="r",
        ingredients=(),
        trainable=Trainable(),
        levers=Levers(epochs=4, learning_rate=0.5, batch_examples=8),
        objective="preference",
        beta=0.3,
    )
    found = replace(
        JOB,
        wish=replace(WISH, objective="preference", hyperparameters=Hyperparameters(batch_size=8)),
        status="succeeded",
        recipe=recipe,
        made="ft:small:x",
        finished=20.0,
        outcome=JobOutcome(
            minutes=1.5,
            micro_dollars=250_000,
            trained_tokens=7,
            gate="failed",
            verdicts=(TypeVerdict(task="orders", word="regressed", said="0.9 to 0.4"),),
            diagnosis=("overfit",),
        ),
    )
    told = job_wire.job(found)
    known = fine_tuning.FineTuningJob.model_validate(told, strict=True)
    assert known.method is not None
    assert known.method.dpo is not None
    assert known.method.dpo.hyperparameters is not None
    assert known.method.dpo.hyperparameters.beta == 0.3
    assert (known.hyperparameters.n_epochs, known.hyperparameters.batch_size) == (4, 8)
    assert (known.fine_tuned_model, known.trained_tokens) == ("ft:small:x", 7)
    own = told["escalera"]
    assert (own["gate"], own["dollars"], own["learning_rate"]) == ("failed", 0.25, 0.5)
    assert own["verdicts"] == [
        {"task": "orders", "word": "regressed", "said": "0.9 to 0.4", "figures": {}}
    ]


@pytest.mark.parametrize(
    ("status", "wanted", "told"),
    [
        ("running", "", "running"),
        ("running", "pause", "paused"),
        ("running", "cancel", "cancelled"),
        ("succeeded", "", "succeeded"),
    ],
)
def test_what_is_wanted_counts_from_then_on(status, wanted, told):
    """A caller who cancelled is not told that the job still runs."""
    assert job_wire.job(replace(JOB, status=status, wanted=wanted))["status"] == told


def test_events_and_checkpoints_are_told_as_the_client_knows_them():
    """Metrics are data of an event, and of a checkpoint."""
    event = JobEvent(
        id="e", job="j", created=1.5, message="Step 1", kind="metrics", data={"train_loss": 0.5}
    )
    told = fine_tuning.FineTuningJobEvent.model_validate(job_wire.event(event), strict=True)
    assert (told.type, told.data, told.created_at) == ("metrics", {"train_loss": 0.5}, 1)
    made = JobCheckpoint(
        id="c", job="j", created=2, step=9, model="ft:m:ckpt-step-9", metrics={"valid_loss": 1.0}
    )
    kept = FineTuningJobCheckpoint.model_validate(job_wire.checkpoint(made), strict=True)
    assert (kept.step_number, kept.metrics.valid_loss, kept.metrics.step) == (9, 1.0, 9)
