"""The desks of a project: what can be asked of it by name, and what that rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from escalera import wiring
from escalera.apps import chatting, issued
from escalera.apps.gateway.counter import Counter
from escalera.apps.gateway.drifting import DriftWatch
from escalera.apps.gateway.escalating import Proven
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.resting import Audit, Forced, Resting
from escalera.apps.gateway.trial_book import TrialBook
from escalera.apps.gateway.tried import Trials
from escalera.core.evidence import Evidence
from escalera.core.routing.router import Router
from escalera.core.serving.guarding.vault import Vault
from escalera.domain.quality import QualityTested
from escalera.domain.trial import Switched
from escalera.engine.serve import Chooser, Desk, Infer, Served
from escalera.errors import InputError, ProjectError
from escalera.wiring import Installation, guards, serving, stores
from escalera.wiring.senses import Readers

if TYPE_CHECKING:
    from escalera.apps.workspace import Workspace

DRIFT = 0.01
"""The chance that all workers together ever raise a false alarm of drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWorker:
    """The worker that a desk is for, one of `workers`; `tell` says to its operator what is to be
    known of a model.
    """

    metrics: Metrics = field(default_factory=Metrics)
    workers: int = 1
    tell: Callable[[str], None] = lambda _: None


def opened(
    workspace: Workspace,
    *,
    models_only: bool = False,
    before: Desk | None = None,
    audit: Audit | None = None,
    worker: AtWorker | None = None,
) -> Counter:
    """What `[gateway]` asks for: the system in service, and routes by the decisions it names.

    Local models that *before* has loaded are gone on with. Raises `ProjectError` where a decision
    is missing, or does not carry its route and nobody forces it; *audit* is told what is forced
    (by default the audit log).
    """
    worker = worker or AtWorker()
    made = workspace.installation
    table = made.tables.gateway
    resting = Resting(
        table=table,
        file=str(made.file),
        now=wiring.wall_clock()(),
        audit=audit or _audited(made),
    )
    named = any(route.decision is not None for route in table.routes.values())
    needed = not models_only or (named and made.journal_file.exists())
    evidence = workspace.evidence() if needed else Evidence()
    tested = resting.quality(evidence)
    route = (
        None if models_only else chatting.in_service(evidence, lambda: workspace.decision.sentence)
    )
    decision = "" if models_only else resting.decided(evidence, made.project.name)
    sides = [side for one in tested.values() for side in (one.route.weak, one.route.strong)]
    routes = sides if route is None else [route, *sides]
    models = serving.served(made, routes, None if before is None else before.models(), worker.tell)
    revisions = {name: one.revision for name, one in models.items()}
    if route is not None:
        resting.unchanged(made.project.name, decision, [route], revisions)
    for name, one in tested.items():
        resting.unchanged(name, one.decision, [one.route.weak, one.route.strong], revisions)
    chooser = made.library(evidence) if routes else None
    readers = Readers(made, tell=_reading(worker.metrics), warn=worker.tell)
    router = None if route is None else serving.router(made, route)
    drift = None
    if router is not None and len(router.reference):
        drift = DriftWatch(router, alpha=DRIFT / worker.workers)
    counter = Counter(
        label=made.project.name,
        route=route,
        infer=_infer(router, drift, readers),
        models=models,
        chooser=chooser,
        decision=decision,
    )
    counter.readers, counter.drift = readers, drift
    counter.proven = {
        name: _proven(made, name, one, models, chooser, readers) for name, one in tested.items()
    }
    if table.shadows or table.canaries or stores.at(made.state).trials_file.exists():
        counter.trials = _trials(made, worker.metrics)
    return counter


# Below: private.


def _infer(router: Router | None, drift: DriftWatch | None, readers: Readers) -> Infer | None:
    """*router* as a function, watched by *drift*."""
    if router is None:
        return None
    if drift is None:
        return readers.infer(router)
    return drift.choose if router.sense is None else readers.infer(router, drift.see)


def _reading(metrics: Metrics) -> Callable[[str, float, bool], None]:
    """Counts what routers read."""

    def tell(model: str, seconds: float, read: bool) -> None:  # noqa: FBT001  of a pair
        metrics.observe("reading_seconds", (model,), seconds)
        if not read:
            metrics.count("unread_total", (model,))

    return tell


def _trials(made: Installation, metrics: Metrics) -> Trials:
    kept, wall = stores.at(made.state), wiring.wall_clock()
    book = TrialBook(kept.trials, kept.pairs, kept.accounts)

    def audit(event: Switched) -> None:
        issued.audit(kept).record("rolled-back", event.name, trial=event.trial, word=event.word)

    return Trials(
        book=book,
        metrics=metrics,
        switched=book.switched(),
        audit=audit,
        alpha=made.project.policy.alpha,
        file=str(made.file),
        wall=wall,
        redact=_redacting(made),
    )


def _redacting(made: Installation) -> Callable[[str], str]:
    """What the gateway's guards leave of a text before it is kept; nothing of what they block."""
    table = made.tables.gateway.guards
    sets = (
        guards.guard_set(made.file, table, "input"),
        guards.guard_set(made.file, table, "output"),
    )
    active = [one for one in sets if one.active]

    def redact(text: str) -> str:
        vault = Vault([text])
        for one in active:
            text = one.inspect(text, vault).text
        return text

    return redact


def _audited(made: Installation) -> Audit:
    """Records what is forced in the audit log of the gateway."""

    def record(forced: Forced) -> None:
        issued.audit(stores.at(made.state)).record(
            "route-forced",
            forced.name,
            decision=forced.decision,
            problem=forced.problem,
            reason=forced.reason,
        )

    return record


def _proven(
    made: Installation,
    name: str,
    tested: QualityTested,
    models: Mapping[str, Served],
    chooser: Chooser | None,
    readers: Readers,
) -> Proven:
    """A quality route with the desks of both systems. Raises `ProjectError` where one is gone."""
    route = tested.route
    routers = {side.digest: serving.router(made, side) for side in (route.weak, route.strong)}
    judge = serving.judge(made, route)
    try:
        weak, strong = (
            Desk(
                label=name,
                route=side,
                infer=_infer(routers[side.digest], None, readers),
                models=models,
                chooser=chooser,
                decision=tested.decision,
            )
            for side in (route.weak, route.strong)
        )
    except InputError as error:
        raise ProjectError(
            file=str(made.file),
            key=f"gateway.routes.{name}.decision",
            problem=f"names a system that cannot be served: {error}",
            remedy="Bring the model back, or run `escalera route` again",
        ) from error
    return Proven(
        tested=tested,
        judge=judge,
        senses=None if judge.router.sense is None else readers.of(judge.router.sense),
        weak=weak,
        strong=strong,
        schemas={task.name: task.schema for task in made.project.tasks if task.schema is not None},
        invalid=wiring.invalid,
    )
