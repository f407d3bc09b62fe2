"""Having the model's provider train: a job for a recipe, begun once and waited for.

The most that a job can cost is set aside before it is begun, and that it was begun is in the
journal before it is waited for. A process that is killed leaves the job, and the next climb waits
on; one that is interrupted by its user cancels it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from escalera.core.evidence import Evidence
from escalera.core.ladder import hosting
from escalera.core.ladder.caps import Cost
from escalera.core.ladder.steps import Train
from escalera.domain.event import Event
from escalera.domain.hosting import METHODS, HostedJob, HostedModel, HostedRun
from escalera.domain.identity import digest_of
from escalera.domain.left_files import HOSTED_FILE
from escalera.domain.project import Project
from escalera.domain.recipe import TrainingPair
from escalera.domain.training import Trained, thinned
from escalera.engine import making
from escalera.engine.purse import Purse
from escalera.errors import ProviderError, TrainingError
from escalera.ports import Artifacts, Progress, Tuner


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a training at a provider works with."""

    project: Project
    evidence: Evidence
    tuner: Tuner
    artifacts: Artifacts
    purse: Purse
    record: Callable[[Sequence[Event]], None]
    progress: Progress


async def train(step: Train, host: Host) -> Sequence[Event]:
    """Have the provider train the recipe; what is to be recorded then, nothing where a cap forbids
    the job.

    Raises `TrainingError` where the job failed, and `ProviderError` where it cannot be asked about.
    """
    pairs = making.training_pairs(host.project, host.evidence, step.recipe, host.artifacts)
    begun = host.evidence.hosted.get(step.recipe.digest)
    if begun is None or begun.state != "begun":
        begun = await _begun(step, pairs, host)
    if begun is None:
        return ()
    try:
        run = await host.tuner.wait(begun.job, progress=host.progress)
    except asyncio.CancelledError:
        await _cancelled(begun, host)
        raise
    if run.model is None:
        host.record([_ended(begun, run, host)])
        how = "was cancelled" if run.cancelled else "failed"
        raise TrainingError(
            f"the job {run.job!r} at {begun.endpoint} {how}: {run.words or 'no reason is told'}. "
            "Climb again to begin another"
        )
    return [_trained(step, pairs, run, begun, host)]


# Below: private.


async def _begun(step: Train, pairs: Sequence[TrainingPair], host: Host) -> HostedJob | None:
    """The job for a recipe; None where its worst case breaks a cap."""
    most = hosting.charge(host.project, hosting.tokens(pairs, step.recipe))
    worst = Cost(micro_dollars=most or 0)
    if not await host.purse.affords(worst):
        return None
    with host.purse.reserved(worst):
        await host.purse.secured()
        job = HostedJob(
            recipe=step.recipe.digest,
            endpoint=host.tuner.endpoint,
            job=await host.tuner.begin(step.recipe, pairs),
            state="begun",
            micro_dollars=most,
        )
        host.record([job])
    host.purse.settle()
    return job


async def _cancelled(begun: HostedJob, host: Host) -> None:
    """Cancel a job and record that; where it cannot be, the next climb waits for it."""
    try:
        run = await host.tuner.cancel(begun.job)
    except ProviderError:
        return
    if run.model is None:
        host.record([_ended(begun, run, host)])


def _ended(begun: HostedJob, run: HostedRun, host: Host) -> HostedJob:
    return HostedJob(
        recipe=begun.recipe,
        endpoint=begun.endpoint,
        job=run.job,
        state="cancelled" if run.cancelled else "failed",
        micro_dollars=_paid(begun, run, host),
        tokens=run.tokens or 0,
        words=run.words,
    )


def _paid(begun: HostedJob, run: HostedRun, host: Host) -> int | None:
    """What the provider bills; the most that it can be where it trained and does not tell."""
    if run.tokens is not None:
        return hosting.charge(host.project, run.tokens)
    return begun.micro_dollars if run.steps or run.model is not None else 0


def _trained(
    step: Train, pairs: Sequence[TrainingPair], run: HostedRun, begun: HostedJob, host: Host
) -> Trained:
    model = HostedModel(
        endpoint=begun.endpoint,
        base=run.base,
        model=run.model or "",
        job=run.job,
        recipe=step.recipe.digest,
        method=METHODS[step.recipe.objective],
        data=digest_of(pairs),
    )
    files: Mapping[str, bytes] = {HOSTED_FILE: msgspec.json.encode(model, order="sorted") + b"\n"}
    steps = max(1, run.steps)
    return Trained(
        recipe=step.recipe,
        adapter=making.store(files, host.artifacts),
        log=making.store(run.logs, host.artifacts),
        steps=steps,
        planned=steps,
        curve=thinned(run.losses),
        layout="hosted",
        tokens=run.tokens or 0,
        examples=len(pairs),
        parameters=0,
        seconds=run.seconds,
        job=run.job,
        made=model.model,
        micro_dollars=_paid(begun, run, host),
    )
