"""The mixture's recipe: how much of the other tasks it replays, and with which answers.

Where the ratio is to be found, a training of each ratio goes to its first pause, and what the
pauses score on `search` items decides. A task whose own training data nobody has can be replayed
with what the base model says itself, as far as the task's scorer finds it good enough.
"""

from __future__ import annotations

from dataclasses import replace

from escalera.core.finetuning import replay
from escalera.core.finetuning.replay import RATIOS, ReplayPilot
from escalera.core.ladder import distilling, finetuning, materials, rating, supervising, training
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Step, Train
from escalera.domain.project import Teacher
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.task import Task
from escalera.domain.training import Trained

OWN = Teacher(rung="prompt")
"""The base model under its best wording."""


def step(case: Case) -> Step | None:
    """What is still to be done before the recipe is known, its price told first."""
    left, own = _open(case), _own(case)
    if left or (own is not None and distilling.calls(own, _protected(case))):
        recipes = [_recipe(case, ratio) for ratio in left or (_ratio(case),)]
        if "mixture" not in case.evidence.priced:
            asked = 0 if own is None else distilling.calls(own, _protected(case))
            return training.train(case, "mixture", recipes, racing=asked)
    if own is not None:
        told = distilling.step(own, "mixture", _protected(case))
        if told is not None:
            return told
    for ratio in left:
        found = _pilot(case, _recipe(case, ratio))
        if found is not None:
            return found
    return None


def recipe(case: Case) -> TrainingRecipe:
    """All items of the failing tasks; of each other task a share of that number."""
    return _recipe(case, _ratio(case))


def ratios(case: Case) -> tuple[float, ...]:
    """Those to be tried; where no task has more items to replay, the next is the same training."""
    found: dict[str, float] = {}
    for ratio in RATIOS if case.project.policy.replay is None else ():
        found.setdefault(_recipe(case, ratio).digest, ratio)
    return tuple(found.values())


def pilots(case: Case) -> tuple[ReplayPilot, ...]:
    """What is known of the ratios that were tried, smallest first."""
    return tuple(pilot for pilot, _ in tried(case))


def tried(case: Case) -> tuple[tuple[ReplayPilot, Trained], ...]:
    """The same, each with the part of a training that told it, and what that took."""
    found = []
    for ratio in ratios(case):
        parts = case.evidence.trained.get(_recipe(case, ratio).digest, [])
        rooms = _rooms(case, _recipe(case, ratio)) if parts else ()
        if rooms:
            found.append((ReplayPilot(ratio=ratio, rooms=rooms), parts[0]))
    return tuple(found)


# Below: private.


def _ratio(case: Case) -> float:
    """The policy's, or what the pilots say; the smallest until they do."""
    fixed = case.project.policy.replay
    if fixed is not None:
        return fixed
    known = pilots(case)
    return replay.chosen(known) if len(known) == len(ratios(case)) else min(RATIOS)


def _open(case: Case) -> tuple[float, ...]:
    """Ratios whose pilot is not done yet."""
    known = {pilot.ratio for pilot in pilots(case)}
    return tuple(ratio for ratio in ratios(case) if ratio not in known)


def _pilot(case: Case, made_from: TrainingRecipe) -> Step | None:
    """The next step to the first pause of a training, and to what it scores there."""
    trial = rating.step(case.evidence, "mixture", made_from)
    if trial is not None:
        return trial
    found = supervising.step(case, "mixture", made_from)
    begun = made_from.digest in case.evidence.trained
    return None if begun and isinstance(found, Train) else found


def _rooms(case: Case, made_from: TrainingRecipe) -> tuple[float, ...]:
    """Per task: the score at the first pause above its bar, and a fall above its margin."""
    protected = {task.name for task in _protected(case)}
    rooms = []
    for found in supervising.matrix(case, case.evidence.trained[made_from.digest][0]):
        task = case.project.task(found.task)
        room = found.score - task.bar
        if task.name in protected and found.change is not None:
            room = min(room, found.change.value + task.margin)
        rooms.append(room)
    return tuple(rooms)


def _recipe(case: Case, ratio: float) -> TrainingRecipe:
    failing, own = case.failing(), _own(case)
    taught = sum(len(materials.teachable(case.project, task)) for task in failing)
    replayed, prompts = max(1, round(ratio * taught)), case.unprompted()
    ingredients = []
    for task in case.project.tasks:
        wanted = training.whole(task)[1] if task in failing else replayed
        told = case if own is None or task in failing else own
        prompt = prompts.system(task.name).prompt
        ingredients.append(training.ingredient(told, task, wanted, prompt))
    return training.of_ingredients(case, ingredients, whole=finetuning.whole(case))


def _own(case: Case) -> Case | None:
    """The case in which the base model teaches its own answers; None where targets are taught."""
    if case.project.policy.replayed == "targets":
        return None
    return replace(case, project=replace(case.project, teacher=OWN))


def _protected(case: Case) -> tuple[Task, ...]:
    failing = case.failing()
    return tuple(task for task in case.project.tasks if task not in failing)
