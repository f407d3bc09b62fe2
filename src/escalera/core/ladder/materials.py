"""What selections chose, put into calls; and the choices that are still to be made for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call, Evaluate, Select, Step, Train, TryRate
from escalera.core.prompts import choosing, overlap
from escalera.domain.dataset import Example, Examples
from escalera.domain.identity import digest_of
from escalera.domain.project import Project
from escalera.domain.recipe import Ingredient
from escalera.domain.selection import Selection
from escalera.domain.system import Material, Prompt, System
from escalera.domain.task import Task
from escalera.errors import EvidenceMissing


def call(
    project: Project, evidence: Evidence, system: System, item: Example, *, repeat: int = 0
) -> Call:
    """Ask *system* for *item*, with the material of its prompt as far as it was chosen."""
    material = of(project, evidence, system.prompt, item)
    return Call(system=system, item=item, repeat=repeat, material=material)


def of(project: Project, evidence: Evidence, prompt: Prompt, item: Example) -> Material | None:
    """What the selections of *prompt* chose for *item*; None while one has not chosen."""
    if not prompt.selections:
        return None
    found = Material()
    for selection in prompt.selections:
        chosen = evidence.chosen(selection, item)
        if chosen is None:
            return None
        pool = task_of(project.tasks, selection).pool(selection.kind)
        more = choosing.material(pool, chosen.chosen)
        found = Material(shots=found.shots + more.shots, passages=found.passages + more.passages)
    return found


def task_of(tasks: Iterable[Task], selection: Selection) -> Task:
    """The task whose pool *selection* chooses from. Raises `EvidenceMissing` where none has it."""
    for task in tasks:
        if task.pool(selection.kind).digest == selection.pool:
            return task
    raise EvidenceMissing(
        f"the {selection.kind} of the pool {selection.pool[:12]} are not in this project: "
        "restore the data and documents, or climb again"
    )


def due(evidence: Evidence, calls: Iterable[Call]) -> Select | None:
    """The first choice that calls not yet asked are waiting for, for all their items."""
    waiting = (
        (selection, call.item)
        for call in calls
        if not call.ready and not evidence.has(call.system, call.item, call.repeat)
        for selection in call.system.prompt.selections
    )
    return _first(evidence, waiting)


def teachable(project: Project, task: Task) -> Examples:
    """The `train` items that the project's objective can be taught with, in its order."""
    return _teachable(task, paired=project.objective == "preference")


def taught(project: Project, ingredient: Ingredient) -> Sequence[Example]:
    """The items that an ingredient takes, in its order, without those that it leaves out."""
    found = _teachable(project.task(ingredient.task), paired=ingredient.paired)
    ordered = found if ingredient.order is None else found.in_order(seed=ingredient.order)
    return [item for item in ordered[: ingredient.examples] if item.id not in ingredient.without]


def before(project: Project, evidence: Evidence, step: Step) -> Step:
    """*step*, or the choice that has to be made before it."""
    match step:
        case Evaluate():
            return due(evidence, step.calls) or step
        case Train() | TryRate():
            chosen = (
                (selection, item)
                for part in step.recipe.ingredients
                for selection in part.prompt.selections
                for item in taught(project, part)
            )
            return _first(evidence, chosen) or step
        case _:
            return step


def completed(project: Project, evidence: Evidence, calls: Iterable[Call]) -> Iterator[Call]:
    """*calls* with the material that was chosen since they were made."""
    return (
        entry
        if entry.ready
        else replace(entry, material=of(project, evidence, entry.system.prompt, entry.item))
        for entry in calls
    )


def unread(project: Project, evidence: Evidence, step: Select) -> dict[str, str]:
    """The texts, by digest, whose embeddings *step* needs and the evidence lacks."""
    selection = step.selection
    if selection.method != "embedding":
        return {}
    pool = task_of(project.tasks, selection).pool(selection.kind)
    texts = [choosing.searched(entry) for entry in pool.entries.values()]
    texts += [overlap.said(item.query) for item in step.items]
    named = {digest_of(text): text for text in texts}
    known = evidence.embedded
    return {d: text for d, text in named.items() if (selection.revision, d) not in known}


def routed(project: Project, *, taught: bool) -> dict[str, str]:
    """The messages that a router reads, by digest: all, or those that it is *taught* with."""
    items = (
        item.input
        for task in project.tasks
        for item in (task.items("train") if taught else task.examples)
    )
    return {digest_of(text): text for text in (*items, *project.strangers)}


# Below: private.


def _teachable(task: Task, *, paired: bool) -> Examples:
    found = task.items("train")
    return Examples(item for item in found if item.rejected) if paired else found


def _first(evidence: Evidence, waiting: Iterable[tuple[Selection, Example]]) -> Select | None:
    wanted: Selection | None = None
    items: dict[str, Example] = {}
    for selection, item in waiting:
        if wanted not in (None, selection) or evidence.chosen(selection, item) is not None:
            continue
        wanted = selection
        items[item.digest] = item
    return None if wanted is None else Select(selection=wanted, items=tuple(items.values()))
