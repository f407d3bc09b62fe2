"""Trainings on nested subsets of a task's examples, each measured on its `search` items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from escalera.core.finetuning import effort, trainings
from escalera.core.finetuning.data_plan import Planned
from escalera.core.finetuning.trainings import Training
from escalera.core.ladder import distilling, materials, rating, training
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Evaluate, Step, Train
from escalera.core.prompts import operators
from escalera.domain.dataset import Example
from escalera.domain.identity import digest_of
from escalera.domain.project import Project
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import System
from escalera.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsets:
    """The trainings of one base on parts of one task's examples.

    A learning rate that is open is found on the examples of `rated`, under the seed `seed`, and
    holds for all of them.
    """

    case: Case
    task: Task
    rated: Planned
    seed: int

    def step(self, plan: Planned) -> Step | None:
        """The next step towards a training that is measured, or None when it is."""
        told = distilling.step(self.case, "lora", [self.task])
        if told is not None:
            return told
        whole = self._unseeded(self.rated)
        trial = rating.step(self.case.evidence, "lora", whole)
        if trial is not None:
            return trial
        recipe = self.recipe(plan)
        if recipe.digest not in self.case.evidence.trained:
            return Train(rung="lora", recipe=recipe)
        calls = self._calls(plan)
        if self.case.missing(calls):
            return Evaluate(rung="lora", purpose="checkpoint", task=self.task.name, calls=calls)
        return None

    def measured(self, plan: Planned) -> bool:
        """Whether a training has answered every item."""
        if self.recipe(plan).digest not in self.case.evidence.trained:
            return False
        return not self.case.missing(self._calls(plan))

    def recipe(self, plan: Planned) -> TrainingRecipe:
        """A training on the beginning of the order that a chain seeds, with a seed of its own."""
        made = self._unseeded(plan)
        seed = self.case.project.policy.seed + plan.chain
        return replace(made, levers=replace(made.levers, seed=seed))

    def system(self, plan: Planned) -> System:
        """What answers with what a training has learned."""
        parts = self.case.evidence.trained[self.recipe(plan).digest]
        return replace(prompted(self.case, self.task), adapter=parts[-1].adapter)

    def trainings(self, plans: Sequence[Planned], items: Sequence[Example]) -> list[Training]:
        """Their scores on *items*, which all of them have a score for."""
        found = []
        for plan in plans:
            scores = _scores(self.case, self.system(plan), items)
            found.append(trainings.of_scores(plan.examples, plan.chain, scores))
        return found

    # Private

    def _calls(self, plan: Planned) -> tuple[Call, ...]:
        system = self.system(plan)
        return tuple(self.case.call(system, item) for item in items(self.task))

    def _unseeded(self, plan: Planned) -> TrainingRecipe:
        project, task = self.case.project, self.task
        found = materials.teachable(project, task).in_order(seed=plan.chain)[: plan.examples]
        without = tuple(item.id for item in found if item.id in project.without)
        ingredient = Ingredient(
            task=task.name,
            prompt=prompted(self.case, task).prompt,
            examples=plan.examples,
            data=digest_of([item.digest for item in found if item.id not in without]),
            order=plan.chain,
            without=without,
            paired=project.objective == "preference",
        )
        seeded = replace(project, policy=replace(project.policy, seed=self.seed))
        taught = distilling.applied(self.case, task, ingredient, found)
        return training.of_ingredients(replace(self.case, project=seeded), [taught])


def in_enough_steps(project: Project) -> Project:
    """The project, whose trainings never lack steps where what is asked is what examples bring."""
    levers = project.levers
    return replace(
        project,
        levers=replace(levers, fewest_steps=max(levers.fewest_steps, effort.FEWEST_STEPS)),
    )


def prompted(case: Case, task: Task) -> System:
    """The prompt that a climb has found, or else the one that tells all."""
    if case.evidence.nominee("prompt") is not None:
        found = case.unprompted().system(task.name)
        return replace(found, model=case.project.model.name, revision=case.project.model.revision)
    return case.system(task, operators.everything(task.parts))


def items(task: Task) -> Sequence[Example]:
    """What every training is measured on."""
    return task.items("search")


def scored(case: Case, task: Task, systems: Sequence[System]) -> list[Example]:
    """The items that every one of *systems* has a score for."""
    found = []
    for item in items(task):
        answers = [case.evidence.sample(system, item) for system in systems]
        if all(answer is not None and answer.score is not None for answer in answers):
            found.append(item)
    return found


# Below: private.


def _scores(case: Case, system: System, found: Sequence[Example]) -> list[float]:
    answers = [case.evidence.sample(system, item) for item in found]
    return [answer.score or 0.0 for answer in answers if answer is not None]
