"""What works off the finetuning jobs of a project's gateway."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from functools import partial
from pathlib import Path

from escalera.core.finetuning import job_plan
from escalera.domain.job import Job, JobOutcome
from escalera.domain.recipe import TrainingRecipe
from escalera.edges import machine_lock
from escalera.edges.clock import SystemClock
from escalera.edges.energy import MachineMeter
from escalera.edges.training import underway
from escalera.engine.job_budget import Budget
from escalera.engine.workshop import Data, Rules, Workshop
from escalera.errors import InputError
from escalera.ports import Progress
from escalera.ports.jobs import Concluding, JobTrainer
from escalera.settings import vllm_table
from escalera.settings.jobs_table import JobsTable
from escalera.settings.vllm_table import VLLMTable
from escalera.wiring import Installation, models
from escalera.wiring.stores import Stores

FOLDER = "jobs"
"""Where jobs that have not ended keep what they go on from, below the folder of the gateway."""


def workshop(
    made: Installation,
    kept: Stores,
    held: ExitStack,
    *,
    concluding: Callable[[Progress], Concluding],
    words: Callable[[JobOutcome], Sequence[tuple[str, Data]]],
) -> Workshop:
    """What jobs are worked with; its stores are open as long as they are *held*.

    Raises `StoreUnavailable`.
    """
    table = made.tables.gateway.jobs or JobsTable()
    queue = held.enter_context(closing(kept.jobs()))
    keys = held.enter_context(closing(kept.keys())) if kept.keys_file.exists() else None
    clock = SystemClock()
    price = None if table.price_per_hour is None else round(table.price_per_hour * 1e6)
    folder = kept.folder / FOLDER
    return Workshop(
        queue=queue,
        files=held.enter_context(closing(kept.files())),
        artifacts=made.artifacts(),
        shelf=held.enter_context(closing(kept.shelf())),
        trainer=lambda job: _trainer(made, job, folder / job.id, table.checkpoint_seconds),
        left=lambda: [one.name for one in folder.iterdir()] if folder.is_dir() else [],
        steps=lambda id_: underway.steps(folder / id_),
        forget=lambda id_: shutil.rmtree(folder / id_, ignore_errors=True),
        plan=partial(_planned, made),
        concluding=concluding,
        words=words,
        budget=Budget(queue=queue, price=price, keys=keys, vault=keys),
        meter=MachineMeter(),
        rules=Rules(
            least_examples=table.least_examples,
            examples=table.examples,
            tokens=table.tokens,
            minutes=table.minutes,
            checkpoints=table.checkpoints,
            attempts=table.attempts,
        ),
        seconds=clock.seconds,
        now=clock.now,
    )


def rate(made: Installation) -> int | None:
    """What a minute of a job costs, in micro-dollars; None where nothing is said of it."""
    table = made.tables.gateway.jobs
    if table is None or table.price_per_hour is None:
        return None
    return round(table.price_per_hour * 1e6 / 60)


def alone(kept: Stores, until: Callable[[], bool]) -> AbstractContextManager[bool]:
    """Be the one process of this machine that works off the jobs; wait while another one does."""
    return machine_lock.held(kept.folder / "jobs.lock", until=until)


def name() -> str:
    """The name of a worker: its machine, and its own."""
    return f"{socket.gethostname().replace('/', '-')}/{os.getpid()}-{secrets.token_hex(4)}"


# Below: private.


def _planned(
    made: Installation, job: Job, file: str, examples: int
) -> tuple[TrainingRecipe, Sequence[str]]:
    training, base = made.tables.training, made.base_model(job.wish.base)
    origin = job.wish.origin
    if origin is not None and origin.revision not in ("", base.revision):
        raise InputError(
            f"the base {base.name!r} has other weights now than those that {job.wish.model!r} was "
            "finetuned from: bring those back, or finetune anew"
        )
    recipe, notes = job_plan.recipe(
        job.wish,
        job_plan.Usual(levers=training.given(), full=training.full.given(), effort=training.effort),
        revision=base.revision,
        file=file,
        examples=examples,
    )
    _require_engine(made, recipe)
    return recipe, notes


def _require_engine(made: Installation, recipe: TrainingRecipe) -> None:
    """What is to be learned can be served by the engine of its base. Raises `InputError`."""
    table = made.tables.models[recipe.model]
    if table.engine != "vllm":
        return
    key = f"models.{recipe.model}.vllm"
    for where, problem, remedy in vllm_table.untrainable(
        key, table.vllm or VLLMTable(), recipe.trainable
    ):
        raise InputError(
            f"{recipe.model!r} is served by vLLM, which could not load what is learned: {where} "
            f"{problem}. {remedy}"
        )


def _trainer(made: Installation, job: Job, checkpoints: Path, every: float) -> JobTrainer:
    models.require_local("finetuning")
    from escalera.edges.providers import chat_text
    from escalera.edges.training.local import LocalTrainer
    from escalera.edges.training.session import Memory

    memory = made.tables.training.memory
    name = job.wish.base
    table = made.tables.models.get(name)
    if table is None or not table.local:
        raise InputError(
            f"the model {name!r} is none of the project any more whose weights lie here: put it "
            "back into the project file"
        )
    folder = models.folder(made.file, table)
    threads = 1 if models.is_tiny(folder) else table.threads or models.cores()
    return LocalTrainer(
        folders={name: folder},
        checkpoints=checkpoints,
        clock=SystemClock(),
        threads=threads,
        memory=Memory(pass_tokens=memory.pass_tokens, recompute=memory.recompute),
        asked={name: partial(chat_text.asked, name, folder)},
        every=every,
        origins=made.artifacts().path,
    )
