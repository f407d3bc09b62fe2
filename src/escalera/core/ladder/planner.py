"""The planner: what to do next, as a pure function of the project and the evidence.

It climbs the allowed rungs from the bottom, and only on a shown inadequacy or regression; it tells
each rung's price first, and stops where the table of rungs says so or where the budget ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from escalera.core.evidence import Evidence
from escalera.core.ladder import (
    budgeting,
    choosing,
    combining,
    finetuning,
    materials,
    prompting,
    rescoring,
    rungs,
    searching,
    weighing,
)
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import FitRouter, Open, Rescore, Step, Stop
from escalera.core.routing import features
from escalera.domain.event import Opened
from escalera.domain.identity import digest_of
from escalera.domain.project import Project, RungName


def next_step(project: Project, evidence: Evidence, *, version: str) -> Step | None:
    """The next step of the climb, or None when it has stopped.

    `version` is Escalera's own; it is committed to with the project, so that a journal says which
    code decided.
    """
    case = Case(project=project, evidence=evidence)
    step = _opening(case, version) or (None if evidence.stopped else _climb(case))
    if step is not None:
        step = materials.before(project, evidence, step)
    if step is None or not budgeting.exceeds(case, step):
        return step
    return budgeting.stop(case, step)


def unaffordable(project: Project, evidence: Evidence, step: Step) -> Step:
    """The end of a climb whose *step* was performed in vain: a cap forbids its next call.

    What judges and embeddings cost at the least depends on replies, which the evidence does not
    hold; so this is known when it was tried.
    """
    return budgeting.stop(Case(project=project, evidence=evidence), step)


def project_digest(project: Project) -> str:
    """What a journal commits to: tasks with items and order, bars, policy, model and levers.

    Where a router tells the query type, so are its features: a router of others cannot be read any
    more, and climbing again learns it anew.
    """
    found = digest_of(project)
    return digest_of([found, features.NAME]) if _inferred(project) else found


# Below: private.

_PLANS: Mapping[RungName, Callable[[Case], Step | None]] = {
    "prompt": lambda case: prompting.step(case, "prompt"),
    "search": searching.step,
    "examples": lambda case: prompting.step(case, "examples"),
    "structured": lambda case: prompting.step(case, "structured"),
    "lora": finetuning.lora,
    "full": finetuning.full,
    "mixture": combining.mixture,
    "merge": combining.merge,
    "route": combining.route,
}
"""What each rung does: one function per row of the table in `rungs`."""


def _opening(case: Case, version: str) -> Step | None:
    opened, project = case.evidence.opened, case.project
    digest = project_digest(project)
    if not opened or opened[-1].project != digest:
        return Open(event=Opened(project=digest, name=project.name, version=version))
    if rescoring.due(case):
        return Rescore(tasks=tuple((task.name, task.scorer) for task in project.tasks))
    if _inferred(project) and not case.evidence.routers:
        return FitRouter(tasks=tuple(task.name for task in project.tasks))
    return None


def _inferred(project: Project) -> bool:
    """Whether a router tells the query type."""
    return project.policy.query_type == "inferred" and len(project.tasks) > 1


def _climb(case: Case) -> Step:
    """Walk the allowed rungs upwards; the first that wants something decides."""
    for rung in rungs.allowed(case.project.policy.rungs):
        step = _PLANS[rung.name](case)
        if step is not None:
            return step
        decided = case.evidence.decision(rung.name, "")
        if decided is not None and rung.moves[decided.outcome] == "stop":
            nominee = case.evidence.nominee(rung.name)
            if nominee is None or not weighing.too_slow(case, nominee):
                break
    return Stop(event=choosing.stop(case))
