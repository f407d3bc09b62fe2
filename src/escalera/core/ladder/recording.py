"""What is known of a training, put together for its diagnosis: the recipe, its log, its data."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.evidence import Evidence
from escalera.core.finetuning.record import Held, RunRecord, Taught, Wanted
from escalera.core.ladder import materials, supervising
from escalera.core.ladder.case import Case
from escalera.core.prompts.overlap import Twins
from escalera.domain.dataset import Example
from escalera.domain.project import Project
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import StepSignal, Told, Trained
from escalera.errors import EvidenceMissing

_REFUSED = "another chat template"
"""In what serving says of an adapter that was taught other tokens than it is asked."""


def record(
    case: Case, parts: Sequence[Trained], signals: tuple[StepSignal, ...], told: Told | None
) -> RunRecord:
    """The record of a training from its parts in order and the log of the last.

    Raises `EvidenceMissing` where the data are not those of the recipe any more.
    """
    last, project = parts[-1], case.project
    items = taught(project, last.recipe)
    if last.examples != len(items):
        raise EvidenceMissing(
            f"the training {last.recipe.digest[:12]} had {last.examples} examples, and the data "
            f"files hold {len(items)} of them: restore the files that it was made from"
        )
    names = {part.task for part in last.recipe.ingredients}
    tasks = [task for task in project.tasks if task.name in names]
    tested = [i for task in tasks for split in ("search", "confirm") for i in task.items(split)]
    return RunRecord(
        recipe=last.recipe,
        signals=signals,
        planned=last.planned,
        examples=compared(items, tested),
        wanted=tuple(
            Wanted(task=task.name, target=item.target)
            for task in tasks
            for item in task.items("search")
        ),
        tested=len(tested),
        held_out=tuple(held for part in parts if (held := _held(case, part)) is not None),
        told=told,
        refused=_refused(case.evidence),
    )


def taught(project: Project, recipe: TrainingRecipe) -> list[Example]:
    """The examples of a recipe, in the order of their places."""
    return [item for part in recipe.ingredients for item in materials.taught(project, part)]


def compared(items: Sequence[Example], tested: Sequence[Example]) -> tuple[Taught, ...]:
    """Examples with those that ask the same, among them and among what they are tested on."""
    twins = Twins(items)
    found: dict[int, list[str]] = {}
    for item in tested:
        for place in twins.alike(item.query):
            found.setdefault(place, []).append(item.id)
    return tuple(
        Taught(
            item=item.id,
            task=item.task,
            input=item.input,
            target=item.target,
            twins=tuple(sorted(twins.alike(item.query) - {place})),
            tested=tuple(found.get(place, ())),
        )
        for place, item in enumerate(items)
    )


# Below: private.


def _held(case: Case, part: Trained) -> Held | None:
    """What was measured at a pause, over the tasks that are taught, by their examples."""
    shares = {one.task: one.examples for one in part.recipe.ingredients}
    found = [one for one in supervising.matrix(case, part) if one.task in shares]
    if not found:
        return None
    weights = [shares[one.task] for one in found]
    right = [_whole(case, part, one.task) for one in found]
    changes = [one.change for one in found if one.change is not None]
    total = sum(weights)
    return Held(
        step=part.steps,
        score=sum(w * one.score for w, one in zip(weights, found, strict=True)) / total,
        right=sum(w * share for w, share in zip(weights, right, strict=True)) / total,
        change=sum(w * one.value for w, one in zip(weights, changes, strict=True)) / total
        if len(changes) == len(found)
        else None,
        items=sum(len(supervising.items(case.project.task(one.task))) for one in found),
    )


def _whole(case: Case, part: Trained, task: str) -> float:
    """The share of the measured items that have the whole score."""
    route = case.with_adapter(case.unprompted(), part.adapter)
    asked = supervising.items(case.project.task(task))
    answers = [case.evidence.answer(route, item) for item in asked]
    scores = [one.score for one in answers if one is not None and one.score is not None]
    return sum(score == 1.0 for score in scores) / max(1, len(scores))


def _refused(evidence: Evidence) -> str | None:
    """What serving said of the template at last, if it did."""
    causes = [one.cause for one in evidence.failed if _REFUSED in one.cause]
    return causes[-1] if causes else None
