"""A sweep over the levers of a training: trials in rounds, of which those that lag are left behind.

Its steps are those of a climb, and so is its evidence. What is suggested for a trial is an event,
and what it came to follows from the trainings and answers in the journal: a sweep that was cut off
tells them to the suggester again, and goes on where it was.

Sweeps that were begun before there were rounds stop one trial after the other, and go on to do so:
their suggestions are kept under another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.finetuning import rounds, sweeping
from escalera.core.finetuning.data_plan import Planned
from escalera.core.finetuning.rounds import PausedTrial
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
from escalera.domain.training import Trained

ORDER = 1000
"""Seeds the order of the examples: no training of another question, without pauses, is the same."""

WEIGHTS = ("method", "rank", "dropout")
"""The levers that say which weights learn; the others say how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep came to. `tried` begins with the project's own levers; `winner` is a number.

    `whole` is False where a cap left something to be trained or measured. `difference` is the
    winner's score less that of the own levers, on items that chose nothing; None while they are not
    answered, or where the own levers have won.
    """

    sweep: Sweep
    tried: tuple[LeverTrial, ...]
    winner: int | None
    whole: bool
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
        everything = Planned(examples=len(self._task.items("train")), chain=ORDER)
        nested = Subsets(
            case=self.case, task=self._task, rated=everything, seed=project.policy.seed
        )
        self._own = nested.recipe(everything)
        self._sweep = replace(sweep, trials=_trials(sweep, values(self._own, sweep)))
        self._choosing, self._fresh = _halves(subsets.items(self._task))
        asked = [
            replace(self._own, levers=replace(self._own.levers, learning_rate=None)),
            sweep.levers,
            sweep.seed,
            [item.digest for item in self._choosing],
        ]
        formerly = digest_of(asked)
        self._singly = formerly in evidence.suggested
        self._question = (
            formerly if self._singly else digest_of([*asked, sweep.trials, rounds.NAME])
        )
        self._tried: list[LeverTrial] = []
        self._recipes: list[TrainingRecipe] = []
        self._due = self._replay()

    def step(self) -> Step | None:
        """What is due; at the end, the answers to fresh items."""
        if self._due is not None:
            return self._due
        won = self._won()
        if won is None or won == OWN or not sweeping.ended(self._tried[OWN]):
            return None
        return self._asked([self._last(OWN), self._last(won)], self._fresh)

    def found(self) -> Swept:
        """The trials, and the winner on fresh items."""
        won, scores, difference = self._won(), None, None
        if won is not None and won != OWN and sweeping.ended(self._tried[OWN]):
            both = [self._last(won), self._last(OWN)]
            items = self._common(both, self._fresh)
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
            whole=self._due is None,
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
        return self._one_by_one() if self._singly else self._in_rounds()

    def _one_by_one(self) -> Step | None:
        """Every trial to where it is stopped or ended, before the next one is suggested."""
        for number in range(self._sweep.trials):
            before = tuple(self._tried)
            missing: Step | None = self._begin(number, before)
            while missing is None and sweeping.verdict(self._tried[-1], before) == "goes on":
                missing = self._advance(number)
            if missing is not None:
                return missing
        return None

    def _in_rounds(self) -> Step | None:
        """The own levers to their end, all others to the first pause; then round after round.

        What suggests levers is told the first pauses alone, so that all were measured equally far.
        """
        for number in range(self._sweep.trials):
            told = tuple(replace(one, scores=one.scores[:1]) for one in self._tried)
            missing = self._begin(number, told) or self._as_far(
                number, len(PAUSES) if number == OWN else 1
            )
            if missing is not None:
                return missing
        alive, came = self._alive(range(self._sweep.trials)), [self._sweep.trials]
        for place in range(1, len(PAUSES)):
            alive = rounds.going_on(self._standings(alive, place - 1), room=rounds.room(came))
            came.append(len(alive))
            for number in alive:
                missing = self._as_far(number, place + 1)
                if missing is not None:
                    return missing
            alive = self._alive(alive)
        return None

    def _begin(self, number: int, told: tuple[LeverTrial, ...]) -> Suggest | None:
        """Take up the levers of a trial; those of the first are the project's own."""
        wanted = values(self._own, self._sweep)
        if number != OWN:
            suggested = self.case.evidence.suggested.get(self._question, {})
            if number not in suggested:
                return Suggest(
                    question=self._question, sweep=self._sweep, number=number, tried=told
                )
            wanted = suggested[number].values
        self._tried.append(LeverTrial(values=wanted))
        self._recipes.append(applied(self._own, self._sweep, wanted))
        return None

    def _as_far(self, number: int, pauses: int) -> Step | None:
        """Take up one trial to so many pauses, or to where it diverged."""
        while len(self._tried[number].scores) < pauses and not self._tried[number].diverged:
            missing = self._advance(number)
            if missing is not None:
                return missing
        return None

    def _advance(self, number: int) -> Step | None:
        """Take up one trial to its next pause, or say what it misses."""
        one, place = self._tried[number], len(self._tried[number].scores)
        if len(self._parts(number)) <= place:
            train = Train(rung="lora", recipe=self._recipes[number], until=PAUSES[place])
            if not self._failed(train):
                return train
            self._tried[number] = replace(one, diverged=True)
            return None
        system = self._at(number, place)
        missing = self._asked([system], self._choosing)
        if missing is not None:
            return missing
        known = self._common([system], self._choosing)
        total = sum(self._score(system, item) for item in known)
        self._tried[number] = replace(one, scores=(*one.scores, total / max(len(known), 1)))
        return None

    def _alive(self, numbers: Iterable[int]) -> list[int]:
        return [number for number in numbers if not self._tried[number].diverged]

    def _standings(self, numbers: Sequence[int], place: int) -> list[PausedTrial]:
        """Trials at a pause, on the items that all of them have answered."""
        systems = {number: self._at(number, place) for number in numbers}
        items = self._common(list(systems.values()), self._choosing)
        clusters = tuple(item.cluster for item in items)
        return [
            PausedTrial(
                number=number,
                scores=tuple(self._score(system, item) for item in items),
                clusters=clusters,
                loss=rounds.late([point.loss for point in self._parts(number)[place].curve]),
            )
            for number, system in systems.items()
        ]

    def _won(self) -> int | None:
        """The number of the best of those that came to their end."""
        if self._singly:
            return sweeping.winner(self._tried)
        done = [number for number, one in enumerate(self._tried) if sweeping.ended(one)]
        return rounds.best(self._standings(done, len(PAUSES) - 1))

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
        return self._at(number, len(PAUSES) - 1)

    def _at(self, number: int, place: int) -> System:
        """What a trial had learned at a pause."""
        adapter = self._parts(number)[place].adapter
        return replace(subsets.prompted(self.case, self._task), adapter=adapter)

    def _parts(self, number: int) -> Sequence[Trained]:
        """A trial's training, as far as each pause that it came to."""
        return self.case.evidence.trained.get(self._recipes[number].digest, ())

    def _common(self, systems: Sequence[System], items: Sequence[Example]) -> list[Example]:
        """The items to which each of them has an answer with a score."""
        return [item for item in items if all(self._has(system, item) for system in systems)]

    def _has(self, system: System, item: Example) -> bool:
        answer = self.case.evidence.sample(system, item)
        return answer is not None and answer.score is not None

    def _score(self, system: System, item: Example) -> float:
        answer = self.case.evidence.sample(system, item)
        return 0.0 if answer is None or answer.score is None else answer.score


def _trials(sweep: Sweep, own: tuple[LeverValue, ...]) -> int:
    """No more than there are different ones: an equal trial would take the place of another."""
    if sweep.combinations is None:
        return sweep.trials
    told = zip(sweep.levers, sweep.distinct(own), strict=True)
    among = all(value in lever.choices for lever, value in told)
    return min(sweep.trials, sweep.combinations + (not among))


def _halves(items: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Items that choose, and items that do not: whole clusters."""
    clusters = list(dict.fromkeys(item.cluster for item in items))
    first = set(clusters[: (len(clusters) + 1) // 2])
    return (
        [item for item in items if item.cluster in first],
        [item for item in items if item.cluster not in first],
    )
