"""Who answers and who grades what may be taught, and what goes by that."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.data import generating, sifting
from escalera.core.data.sifting import Sieve
from escalera.core.evidence import Evidence
from escalera.core.ladder import naming
from escalera.domain.judge import Panel
from escalera.domain.system import System
from escalera.domain.task import Task
from escalera.engine.generating import Generator
from escalera.errors import InputError
from escalera.wiring import Installation
from escalera.wiring import labels as wired


def system(installation: Installation, evidence: Evidence, name: str, task: Task) -> System:
    """What a name means for a task. Raises `InputError` with the names that there are."""
    models = naming.Models(names=tuple(installation.tables.models), find=installation.base_model)
    route = naming.resolve(name, installation.project, evidence, models)
    return route.system(task.name)


def panel(installation: Installation, name: str | None, task: Task) -> Panel | None:
    """The judge that is named, or the task's own; one that compares has nothing to compare with.

    Raises `InputError` for a name that means none, or one that compares.
    """
    project = installation.project
    found = project.panel(task.scorer)
    if name is not None:
        found = next((one for one in project.judges if one.name == name), None)
        if found is None:
            names = sorted(one.name for one in project.judges)
            raise InputError(f"there is no judge {name!r}: this project has {names!r}")
    if found is not None and found.judges[0].kind == "pairwise":
        if name is None:
            return None
        raise InputError(
            f"the judge {found.name!r} compares with a target, and a generated row has no other: "
            "name a judge of the kind 'rubric'"
        )
    return found


def contract(sieve: Sieve, installation: Installation, task: Task) -> None:
    """Leave out what scorer and schema do not take, and objects of another form than the
    examples'."""
    unusable = wired.unusable(installation, task.name)
    forms = sifting.forms(generating.showable(task))
    sieve.keep("contract", lambda draft: unusable(draft.target) or sifting.formless(draft, forms))


def answers(sieve: Sieve, generator: Generator, asked: System, task: Task) -> bool:
    """Give drafts the answers of a system as targets; whether a cap came before the last."""
    found = generator.answers(asked, sieve.kept, task)
    sieve.sort("unanswered", [None if one else "has no answer" for one in found])
    said = [one for one in found if one]
    sieve.kept = [replace(d, target=text) for d, text in zip(sieve.kept, said, strict=True)]
    return None in found


def judge(sieve: Sieve, generator: Generator, graders: Panel, task: Task, *, least: float) -> bool:
    """Leave out targets that a panel gives less than *least*; whether a cap came before the end."""
    grades = generator.grades(graders, sieve.kept, task)
    found = []
    for grade in grades:
        value = None if grade is None else grade.value
        poor = value is None or value < least
        shown = "no grade" if value is None else f"{value:.2f}"
        found.append(f"{graders.name} gave {shown}" if poor else None)
    sieve.sort("judge", found)
    return None in grades
