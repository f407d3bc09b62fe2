"""Finetuning jobs, their events and checkpoints in the words of OpenAI's API.

What Escalera knows besides stands under `escalera`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from escalera.domain.job import ENDED, Job, JobCheckpoint, JobEvent, JobOutcome, JobStatus

AUTO = "auto"


def job(found: Job) -> dict[str, Any]:
    """A job."""
    wish, ended = found.wish, found.status in ENDED
    numbers = _hyperparameters(found)
    kind = "supervised" if wish.objective == "supervised" else "dpo"
    outcome = found.outcome
    return {
        "id": found.id,
        "object": "fine_tuning.job",
        "created_at": int(found.created),
        "finished_at": _second(found.finished),
        "estimated_finish": None if ended else _second(found.estimated_finish),
        "model": wish.model,
        "fine_tuned_model": found.made or None,
        "organization_id": found.owner or "escalera",
        "status": status(found),
        "hyperparameters": {name: numbers[name] for name in numbers if name != "beta"},
        "method": {"type": kind, kind: {"hyperparameters": numbers}},
        "training_file": wish.training_file,
        "validation_file": wish.validation_file or None,
        "result_files": list(found.result_files),
        "seed": wish.seed,
        "metadata": dict(wish.metadata),
        "integrations": [],
        "trained_tokens": outcome.trained_tokens if outcome is not None else None,
        "error": _error(found),
        "escalera": _own(found),
    }


def status(found: Job) -> JobStatus:
    """The status that callers are told: what was asked for counts from then on."""
    if found.status == "running" and found.wanted:
        return "cancelled" if found.wanted == "cancel" else "paused"
    return found.status


def event(found: JobEvent) -> dict[str, Any]:
    """An event."""
    return {
        "id": found.id,
        "object": "fine_tuning.job.event",
        "created_at": int(found.created),
        "level": found.level,
        "message": found.message,
        "type": found.kind,
        "data": dict(found.data),
    }


def checkpoint(found: JobCheckpoint) -> dict[str, Any]:
    """A checkpoint."""
    return {
        "id": found.id,
        "object": "fine_tuning.job.checkpoint",
        "created_at": int(found.created),
        "fine_tuned_model_checkpoint": found.model,
        "fine_tuning_job_id": found.job,
        "step_number": found.step,
        "metrics": {"step": found.step, **found.metrics},
    }


# Below: private.


def _second(at: float | None) -> int | None:
    return None if at is None else int(at)


def _error(found: Job) -> dict[str, Any] | None:
    if found.error is None:
        return None
    code, message, param = found.error
    return {"code": code, "message": message, "param": param or None}


def _hyperparameters(found: Job) -> dict[str, Any]:
    """What was asked for, and where that was left open, what was taken."""
    asked, recipe = found.wish.hyperparameters, found.recipe
    epochs, batch = asked.n_epochs, asked.batch_size
    if recipe is not None:
        epochs, batch = recipe.levers.epochs, recipe.levers.batch_examples or batch
    numbers: dict[str, Any] = {
        "n_epochs": epochs,
        "batch_size": batch,
        "learning_rate_multiplier": asked.learning_rate_multiplier,
    }
    if found.wish.objective != "supervised":
        numbers["beta"] = asked.beta if recipe is None else recipe.beta
    return {name: AUTO if value is None else value for name, value in numbers.items()}


def _own(found: Job) -> dict[str, Any]:
    recipe = found.recipe
    told: dict[str, Any] = {
        "gate_tasks": list(found.wish.gate),
        "minutes": found.seconds / 60,
        "starts": found.starts,
        "examples": found.examples or None,
        "trainable": None if recipe is None else recipe.trainable.method,
        "learning_rate": None if recipe is None else recipe.levers.learning_rate,
    }
    return told | ({} if found.outcome is None else _outcome(found.outcome))


def _outcome(outcome: JobOutcome) -> dict[str, Any]:
    money = outcome.micro_dollars
    return {
        "minutes": outcome.minutes,
        "dollars": None if money is None else money / 1_000_000,
        "joules": outcome.joules,
        "gate": outcome.gate,
        "verdicts": [msgspec.to_builtins(one) for one in outcome.verdicts],
        "diagnosis": list(outcome.diagnosis),
        "licence": outcome.licence,
    }
