"""What a person calls a system: a rung, a decision, a model of the project file, or a digest.

- `lora`, `route`, …: what that rung put forward;
- `served`: what is in service, by the last decision or a promotion since;
- `MODEL`: a model of the project file, told everything that the project says of each task;
- `MODEL@RUNG`: the same model with the prompts of what that rung put forward, without its adapters;
- the first characters (six or more) of a route's digest;
- `ft:…`, the name of a finetuned model, or the first characters of its artifact's digest: what
  serves now, with the tasks of the job's gate answered through it (`core.ladder.tuned`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence
from escalera.core.ladder import tuned
from escalera.core.ladder.case import Case
from escalera.domain.finetuned import Finetuned
from escalera.domain.project import RUNGS, BaseModel, Project
from escalera.domain.system import Branch, Route
from escalera.domain.task import Task
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
    made = _finetuned(name, evidence)
    if model not in models.names and made is not None:
        return tuned.route(made, project, evidence, models.find(made.recipe.model))
    if model not in models.names:
        found = _nominated(name, evidence)
    elif not rung:
        return tuned.told_everything(models.find(model), project, evidence)
    else:
        found = _nominated(rung, evidence)
    if found is None:
        raise InputError(f"there is no system {name!r}: {_known(evidence, models)}")
    return _on_model(models.find(model), project, evidence, found) if rung else found


def concerned(name: str, project: Project, evidence: Evidence) -> tuple[Task, ...]:
    """The tasks that *name* may change: those of a finetuned model's gate, all of any other."""
    made = _finetuned(name, evidence)
    if made is None:
        return project.tasks
    taken = tuned.tasks(made, project)
    return tuple(task for task in project.tasks if task.name in taken)


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


def _finetuned(name: str, evidence: Evidence) -> Finetuned | None:
    """What a job left, by the name of its model or the digest of its artifact."""
    if len(name) < _SHORTEST:
        return None
    found = [one for one in evidence.finetuned.values() if name == one.name]
    found = found or [one for key, one in evidence.finetuned.items() if key.startswith(name)]
    return found[0] if len(found) == 1 else None


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
