"""What a person calls a system: a rung, a decision, a model of the project file, or a digest.

- `lora`, `route`, …: what that rung put forward;
- `served`: what is in service, by the last decision or a promotion since;
- `MODEL`: a model of the project file, told everything that the project says of each task;
- `MODEL@RUNG`: the same model with the prompts of what that rung put forward, without its adapters;
- the first characters (six or more) of a route's digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence
from escalera.core.ladder.case import Case
from escalera.core.prompts import operators
from escalera.domain.project import RUNGS, BaseModel, Project
from escalera.domain.system import Branch, Route
from escalera.errors import InputError

SERVED = "served"
_SHORTEST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of the project file: their names, and what identifies one when it is needed."""

    names: tuple[str, ...]
    find: Callable[[str], BaseModel]


def resolve(name: str, project: Project, evidence: Evidence, models: Models) -> Route:
    """The route that *name* means. Raises `InputError` with the names that there are."""
    model, _, rung = name.partition("@")
    if model not in models.names:
        found = _nominated(name, evidence)
    elif not rung:
        return _told_everything(models.find(model), project, evidence)
    else:
        found = _nominated(rung, evidence)
    if found is None:
        raise InputError(f"there is no system {name!r}: {_known(evidence, models)}")
    return _on_model(models.find(model), project, evidence, found) if rung else found


# Below: private.


def _nominated(name: str, evidence: Evidence) -> Route | None:
    if name == SERVED and evidence.serving is not None:
        return evidence.route(evidence.serving)
    for rung in RUNGS:
        if rung == name:
            return evidence.nominee(rung)
    for nominated in evidence.nominated:
        if len(name) >= _SHORTEST and nominated.route.digest.startswith(name):
            return nominated.route
    return None


def _told_everything(model: BaseModel, project: Project, evidence: Evidence) -> Route:
    case = Case(project=replace(project, model=model), evidence=evidence)
    return Route(
        branches=tuple(
            Branch(task=task.name, system=case.system(task, operators.everything(task.parts)))
            for task in project.tasks
        )
    )


def _on_model(model: BaseModel, project: Project, evidence: Evidence, route: Route) -> Route:
    """The prompts of *route* on another model."""
    case = Case(project=replace(project, model=model), evidence=evidence)
    return Route(
        branches=tuple(
            Branch(
                task=branch.task,
                system=case.system(project.task(branch.task), branch.system.prompt),
            )
            for branch in route.branches
        ),
        router=route.router,
    )


def _known(evidence: Evidence, models: Models) -> str:
    rungs = [rung for rung in RUNGS if evidence.nominee(rung) is not None]
    climbed = f"the rungs {', '.join(rungs)}" if rungs else "no rung yet (run `escalera climb`)"
    return f"there are the models {', '.join(sorted(models.names))}, and {climbed}"
