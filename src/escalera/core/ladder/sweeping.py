"""A sweep over the levers of a training: trials, one after the other, stopped where they lag.

Its steps are those of a climb, and so is its evidence. What is suggested for a trial is an event,
and what it came to follows from the trainings and answers in the journal: a sweep that was cut off
tells them to the suggester again, and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.finetuning import sweeping
from escalera.core.finetuning.data_plan import Planned
from escalera.core.finetuning.sweeping import OWN, PAUSES
from escalera.core.ladder import budgeting, materials, rating, subsets
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Evaluate, Step, Suggest, Train
from escalera.core.ladder.subsets import Subsets
from escalera.core.stats import paired
from escalera.core.stats.clustering import Interval
from escalera.domain.dataset import Example
from escalera.domain.identity import digest_of
from escalera.domain.project import Project
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.sweep import LeverTrial, LeverValue, Sweep
from escalera.domain.system import System
from escalera.domain.task import Task

ORDER = 1000
"""Seeds the order of the examples: no training of another question, without pauses, is the same."""

WEIGHTS = ("method", "rank", "dropout")
"""The levers that say which weights learn; the others say how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep came to. `tried` begins with the project's own levers; `winner` is a number.

    `difference` is the winner's score less that of the own levers, on items that chose nothing;
    None while they are not answered, or where the own levers have won.
    """

    sweep: Sweep
    tried: tuple[LeverTrial, ...]
    winner: int | None
    scores: tuple[float, float] | None
    difference: Interval | None
    cost: float


def next_step(project: Project, evidence: Evidence, task: str, sweep: Sweep) -> Step | None:
    """The next suggestion, training or measurement; None at the end, or where a cap ends it."""
    board = _Board(project, evidence, task, sweep)
    found = board.step()
    if found is None or budgeting.exceeds(board.case, found):
        return None
    return materials.before(project, evidence, found)


def found(project: Project, evidence: Evidence, task: str, sweep: Sweep) -> Swept:
    """What is known by now."""
    return _Board(project, evidence, task, sweep).found()


def values(recipe: TrainingRecipe, sweep: Sweep) -> tuple[LeverValue, ...]:
    """What a recipe has for the levers of a sweep, in their order."""
    return tuple(
        getattr(recipe.trainable if lever.name in WEIGHTS else recipe.levers, lever.name)
        for lever in sweep.levers
    )


def applied(recipe: TrainingRecipe, sweep: Sweep, wanted: Sequence[LeverValue]) -> TrainingRecipe:
    """The recipe with other levers; alpha stays twice the rank where it was."""
    said: dict[str, Any] = {
        lever.name: value for lever, value in zip(sweep.levers, wanted, strict=True)
    }
    weights = {name: said.pop(name) for name in WEIGHTS if name in said}
    trainable = replace(recipe.trainable, **weights)
    if recipe.trainable.alpha == 2 * recipe.trainable.rank:
        trainable = replace(trainable, alpha=2 * trainable.rank)
    return replace(recipe, trainable=trainable, levers=replace(recipe.levers, **said))


# Below: private.


class _Board:
    """Every trial as far as it came, replayed from the evidence."""

    def __init__(self, project: Project, evidence: Evidence, task: str, sweep: Sweep) -> None:
        self.case = Case(project=project, evidence=evidence)
        self._task: Task = project.task(task)
        self._sweep = sweep
        everything = Planned(examples=len(self._task.items("train")), chain=ORDER)
        nested = Subsets(
            case=self.case, task=self._task, rated=everything, seed=project.policy.seed
        )
        self._own = nested.recipe(everything)
        self._choosing, self._fresh = _halves(subsets.items(self._task))
        self._question = digest_of(
            [
                replace(self._own, levers=replace(self._own.levers, learning_rate=None)),
                sweep.levers,
                sweep.seed,
                [item.digest for item in self._choosing],
            ]
        )
        self._tried: list[LeverTrial] = []
        self._recipes: list[TrainingRecipe] = []
        self._due = self._replay()

    def step(self) -> Step | None:
        """What is due; at the end, the answers to fresh items."""
        if self._due is not None:
            return self._due
        won = sweeping.winner(self._tried)
        if won is None or won == OWN:
            return None
        return self._asked([self._last(OWN), self._last(won)], self._fresh)

    def found(self) -> Swept:
        """The trials, and the winner on fresh items."""
        won, scores, difference = sweeping.winner(self._tried), None, None
        if won is not None and won != OWN and sweeping.ended(self._tried[OWN]):
            both = [self._last(won), self._last(OWN)]
            items = [item for item in self._fresh if all(self._has(one, item) for one in both)]
            if items:
                first, second = ([self._score(one, item) for item in items] for one in both)
                scores = sum(first) / len(items), sum(second) / len(items)
                clusters = [item.cluster for item in items]
                alpha = self.case.project.policy.alpha
                difference = paired.interval(first, second, clusters, alpha=alpha)
        return Swept(
            sweep=self._sweep,
            tried=tuple(self._tried),
            winner=won,
            scores=scores,
            difference=difference,
            cost=sweeping.cost(self._tried),
        )

    # Private

    def _replay(self) -> Step | None:
        """Take up every trial; the first step that is missing, or None at the end."""
        trial = rating.step(self.case.evidence, "lora", self._own)
        if trial is not None:
            return trial
        suggested = self.case.evidence.suggested.get(self._question, {})
        for number in range(self._sweep.trials):
            wanted = values(self._own, self._sweep)
            if number != OWN:
                if number not in suggested:
                    return self._suggest(number)
                wanted = suggested[number].values
            missing = self._follow(applied(self._own, self._sweep, wanted), wanted)
            if missing is not None:
                return missing
        return None

    def _suggest(self, number: int) -> Suggest:
        return Suggest(
            question=self._question, sweep=self._sweep, number=number, tried=tuple(self._tried)
        )

    def _follow(self, recipe: TrainingRecipe, wanted: tuple[LeverValue, ...]) -> Step | None:
        """Take up one trial to where it was stopped or ended, or say what it misses."""
        before, scores = tuple(self._tried), list[float]()
        self._tried.append(LeverTrial(values=wanted))
        self._recipes.append(recipe)
        while sweeping.verdict(self._tried[-1], before) == "goes on":
            place = len(scores)
            parts = self.case.evidence.trained.get(recipe.digest, [])
            if len(parts) <= place:
                train = Train(rung="lora", recipe=recipe, until=PAUSES[place])
                if not self._failed(train):
                    return train
                self._tried[-1] = replace(self._tried[-1], diverged=True)
                return None
            system = self._system(parts[place].adapter)
            missing = self._asked([system], self._choosing)
            if missing is not None:
                return missing
            known = [item for item in self._choosing if self._has(system, item)]
            total = sum(self._score(system, item) for item in known)
            scores.append(total / max(len(known), 1))
            self._tried[-1] = LeverTrial(values=wanted, scores=tuple(scores))
        return None

    def _failed(self, step: Train) -> bool:
        """Whether it was tried and will not do: its loss was no number."""
        digest = digest_of(step)
        return any(one.step == digest and not one.retryable for one in self.case.evidence.failed)

    def _asked(self, systems: Sequence[System], items: Sequence[Example]) -> Evaluate | None:
        for system in systems:
            calls = tuple(self.case.call(system, item) for item in items)
            if self.case.missing(calls):
                return Evaluate(
                    rung="lora", purpose="checkpoint", task=self._task.name, calls=calls
                )
        return None

    def _last(self, number: int) -> System:
        parts = self.case.evidence.trained[self._recipes[number].digest]
        return self._system(parts[len(PAUSES) - 1].adapter)

    def _system(self, adapter: str) -> System:
        return replace(subsets.prompted(self.case, self._task), adapter=adapter)

    def _has(self, system: System, item: Example) -> bool:
        answer = self.case.evidence.sample(system, item)
        return answer is not None and answer.score is not None

    def _score(self, system: System, item: Example) -> float:
        answer = self.case.evidence.sample(system, item)
        return 0.0 if answer is None or answer.score is None else answer.score


def _halves(items: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Items that choose, and items that do not: whole clusters."""
    clusters = list(dict.fromkeys(item.cluster for item in items))
    first = set(clusters[: (len(clusters) + 1) // 2])
    return (
        [item for item in items if item.cluster in first],
        [item for item in items if item.cluster not in first],
    )
