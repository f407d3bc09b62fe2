"""The scorers of a project file: read, checked, and with what they are made of."""

from __future__ import annotations

from pathlib import Path

from escalera.domain import likeness
from escalera.domain.judge import PREFIX
from escalera.domain.likeness import Likeness
from escalera.domain.project import BaseModel
from escalera.edges.scoring.binding import Means
from escalera.edges.scoring.desk import OPTIONS, Chosen, Desk, choose
from escalera.errors import BadOption, ProjectError
from escalera.settings import scorer_table
from escalera.settings.tables import ProjectFile
from escalera.wiring import models


def chosen(file: Path, tables: ProjectFile, task: str) -> Chosen:
    """The scorer of a task that no judge scores.

    Raises `ProjectError` for an option that cannot be used.
    """
    try:
        kind, options = scorer_table.read(tables.tasks[task].scorer, OPTIONS)
        return choose(kind, options, _means(file, tables))
    except BadOption as error:
        key = scorer_table.key(task, error)
        raise ProjectError(
            file=str(file), key=key, problem=error.problem, remedy=error.remedy
        ) from error


def likenesses(file: Path, tables: ProjectFile) -> tuple[tuple[Likeness, BaseModel], ...]:
    """The scorers of tasks that compare meanings, each once, with the models that they ask."""
    found: dict[str, tuple[Likeness, BaseModel]] = {}
    for name, task in tables.tasks.items():
        if scorer_table.kind(task.scorer) == likeness.KIND:
            one = chosen(file, tables, name)
            named = one.options.model
            model = models.reader(file, named, tables.models[named])
            found[one.identity] = (
                Likeness(
                    scorer=one.identity,
                    model=model.name,
                    weights=model.revision,
                    version=one.options.version,
                ),
                model,
            )
    return tuple(found.values())


def desk(file: Path, tables: ProjectFile) -> Desk:
    """The scorers of all tasks, ready to be asked."""
    kinds = {name: scorer_table.kind(task.scorer) for name, task in tables.tasks.items()}
    own = [name for name, kind in kinds.items() if not kind.startswith(PREFIX)]
    return Desk([chosen(file, tables, task) for task in own], _means(file, tables))


# Below: private.


def _means(file: Path, tables: ProjectFile) -> Means:
    def embeds(name: str) -> str:
        if name not in tables.models:
            known = f"Name one of {sorted(tables.models)!r}"
            raise BadOption("model", f"{name!r} is not under [models]", known)
        return models.reader(file, name, tables.models[name]).revision

    return Means(folder=file.parent.absolute(), embeds=embeds)
