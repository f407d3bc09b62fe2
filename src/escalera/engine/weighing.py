"""Whether a router is to read embeddings: bought for what teaches it, and weighed.

Only where they are shown to help are those of the other messages bought too: a router that does
not read them needs none, neither now nor in service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from escalera.core.ladder import materials
from escalera.core.ladder.steps import FitRouter
from escalera.core.routing import fitting
from escalera.core.routing.fitting import Weighed
from escalera.domain.event import RouterFitted
from escalera.domain.project import BaseModel, Project
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.verdict import Figure
from escalera.engine import making
from escalera.engine.reading import Bought


async def fit_router(step: FitRouter, project: Project, bought: Bought) -> Sequence[RouterFitted]:
    """Learn a router, with embeddings where they help; nothing where a cap is in the way.

    Raises `InputError` when a task has no `train` items, `ProviderError` where the model is away.
    """
    model, artifacts = project.router_embedder, bought.artifacts
    if model is None:
        return [making.fit_router(step, project=project, artifacts=artifacts)]
    sensed = await bought.of(model, materials.routed(project, taught=True))
    if sensed is None:
        return []
    items = [item for name in step.tasks for item in project.task(name).items("train")]
    known = [item for item in items if item.input in sensed.vectors]
    found = fitting.weigh(
        [item.input for item in known],
        [item.task for item in known],
        sensed,
        clusters=[item.cluster for item in known],
        alpha=project.policy.alpha,
    )
    if found.share > 0:
        sensed = await bought.of(model, materials.routed(project, taught=False))
        if sensed is None:
            return []
    sensed = replace(sensed, share=found.share)
    weighed = told(model, found, unread=len(items) - len(known))
    made = making.fit_router(
        step, project=project, artifacts=artifacts, sensed=sensed, weighed=weighed
    )
    return [made]


def told(model: BaseModel, found: Weighed, *, unread: int) -> EmbeddingsWeighed:
    """What was found out about the embeddings of *model*, as it is recorded."""
    gain = found.gain
    return EmbeddingsWeighed(
        model=model.name,
        revision=model.revision,
        share=found.share,
        gain=None
        if gain is None
        else Figure(
            value=gain.estimate,
            lower=gain.lower,
            upper=gain.upper,
            n=found.items,
            clusters=found.clusters,
        ),
        unread=unread,
    )
