"""What a finetuned model would be in service: what serves now, with some tasks through it.

The prompt of a task stays the one in service: the gate asks what the weights change, and nothing
else does.
"""

from __future__ import annotations

from dataclasses import replace

from escalera.core.evidence import Evidence
from escalera.core.ladder.case import Case
from escalera.core.prompts import operators
from escalera.domain.finetuned import Finetuned
from escalera.domain.project import BaseModel, Project
from escalera.domain.system import Branch, Route, System
from escalera.errors import InputError


def told_everything(model: BaseModel, project: Project, evidence: Evidence) -> Route:
    """*model* told everything that the project says of each task."""
    case = Case(project=replace(project, model=model), evidence=evidence)
    return Route(
        branches=tuple(
            Branch(task=task.name, system=case.system(task, operators.everything(task.parts)))
            for task in project.tasks
        )
    )


def serving(project: Project, evidence: Evidence) -> Route:
    """What serves now; the project's own model, told everything, where nothing does yet."""
    if evidence.serving is None:
        return told_everything(project.model, project, evidence)
    return evidence.route(evidence.serving)


def tasks(made: Finetuned, project: Project) -> tuple[str, ...]:
    """The query types that *made* may take over."""
    return made.tasks or tuple(task.name for task in project.tasks)


def route(made: Finetuned, project: Project, evidence: Evidence, base: BaseModel) -> Route:
    """What serves now, with the tasks of *made* answered by *base* through its artifact.

    Raises `InputError` where *base* has other weights now than it was finetuned from.
    """
    if base.revision != made.recipe.revision:
        raise InputError(
            f"the model {base.name!r} has other weights now than those that the job {made.job!r} "
            "finetuned: bring those back, or finetune again"
        )
    case = Case(project=replace(project, model=base), evidence=evidence)
    taken = tasks(made, project)
    before = serving(project, evidence)

    def system(branch: Branch) -> System:
        old = branch.system
        if branch.task not in taken:
            return old
        if (old.model, old.revision) == (base.name, base.revision):
            return replace(old, adapter=made.adapter)
        return case.system(project.task(branch.task), old.prompt, made.adapter)

    branches = tuple(Branch(task=one.task, system=system(one)) for one in before.branches)
    return replace(before, branches=branches)
