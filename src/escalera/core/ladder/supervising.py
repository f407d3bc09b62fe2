"""Measuring a training while it runs: checkpoints, forgetting, early stopping and the best of them.

A training pauses at even distances. What it has learned then answers the same `search` items of
every task, the protected ones too, as it did before it was trained. Nothing is proved there: a
checkpoint is chosen, and the choice is confirmed on fresh items like every other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.ladder import race
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Evaluate, Step, Train
from escalera.core.stats import paired
from escalera.domain.dataset import Example
from escalera.domain.project import Policy, RungName
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.domain.training import Trained
from escalera.domain.verdict import Figure

ITEMS = 32
"""`search` items of each task that every checkpoint answers."""

PATIENCE = 2
"""A training stops when its best checkpoint, for what it is tuned for, lies so many back."""

CLEARLY = 2.0
"""Standard errors by which an earlier checkpoint has to be better than the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """A cell of the forgetting matrix: what a checkpoint scores on a task, and the change.

    `change` is the paired difference to the model before the training, with a 95 % interval of its
    own; None where too many answers are unscored.
    """

    task: str
    score: float
    change: Figure | None


def step(case: Case, rung: RungName, recipe: TrainingRecipe) -> Step | None:
    """Train on to the next checkpoint, or measure the last one; None when the training ended."""
    parts = case.evidence.trained.get(recipe.digest, [])
    many = case.project.policy.checkpoints
    following = Train(rung=rung, recipe=recipe, until=_until(case, recipe, len(parts)))
    if not parts:
        return following
    routes = [_before(case), _after(case, parts[-1])]
    for route in routes if many > 1 else ():
        for task in case.project.tasks:
            calls = case.calls(route, items(task))
            if case.missing(calls):
                return Evaluate(rung=rung, purpose="checkpoint", task=task.name, calls=calls)
    if ended(case, recipe):
        return None
    return following


def ended(case: Case, recipe: TrainingRecipe) -> bool:
    """Whether the last step is done, the best checkpoint lies too far back to go on, or what is
    taught is destroyed."""
    parts = case.evidence.trained.get(recipe.digest, [])
    if not parts:
        return False
    if parts[-1].steps >= parts[-1].planned or case.project.policy.checkpoints == 1:
        return True
    back = len(parts) - 1 - _highest(case, recipe, parts, _tuned(case, recipe))
    return back >= PATIENCE or _destroyed(case, recipe, parts)


def chosen(case: Case, recipe: TrainingRecipe, *, alone: bool = False) -> Trained:
    """The checkpoint to go on with: the last, unless an earlier one is clearly nearer to passing.

    Nearer is a larger smallest distance of a task to what it needs; clearly is by more than two
    standard errors of the paired difference, for the task that the last falls shortest of. With
    *alone* the adapter will answer only what it was tuned for, and the other tasks do not count.
    """
    parts = case.evidence.trained[recipe.digest]
    tasks = _tuned(case, recipe) if alone else case.project.tasks
    best = parts[_highest(case, recipe, parts, tasks)]
    if best is parts[-1]:
        return best
    shortest = min(tasks, key=lambda task: _slack(case, recipe, parts[-1], task))
    found = _paired(case, _after(case, best), _after(case, parts[-1]), shortest)
    if found is None:
        return parts[-1]
    apart = paired.difference(*found)
    return best if apart.value > CLEARLY * apart.standard_error else parts[-1]


def calls(task: Task, policy: Policy, trainings: int) -> int:
    """The most calls to *task* that measuring the checkpoints of so many trainings takes."""
    if policy.checkpoints == 1 or not trainings:
        return 0
    return len(items(task)) * (1 + policy.checkpoints * trainings)


def matrix(case: Case, part: Trained) -> tuple[Retained, ...]:
    """What a checkpoint scores on every task, and how that changed; empty when unmeasured."""
    if case.project.policy.checkpoints == 1 or case.evidence.nominee("prompt") is None:
        return ()
    found = []
    for task in case.project.tasks:
        route = _after(case, part)
        if case.missing(case.calls(route, items(task))):
            return ()
        both = _paired(case, route, _before(case), task)
        score = race.mean_score(case.evidence.answer(route, item) for item in items(task))
        found.append(Retained(task=task.name, score=score, change=_figure(both)))
    return tuple(found)


def items(task: Task) -> Sequence[Example]:
    """The `search` items that every checkpoint answers."""
    return task.items("search")[:ITEMS]


# Below: private.


def _until(case: Case, recipe: TrainingRecipe, done: int) -> float:
    """The share of the steps to the next pause. Pauses before the step that a training was rewound
    to are left out: they would be those of the training before."""
    many, passed = case.project.policy.checkpoints, 0
    before = () if recipe.rewound is None else case.evidence.trained.get(recipe.rewound.recipe, ())
    if recipe.rewound is not None and before:
        planned, after = before[-1].planned, recipe.rewound.after
        passed = sum(round(number / many * planned) <= after for number in range(1, many))
    return min(1.0, (passed + done + 1) / many)


_Pair = tuple[list[float], list[float], list[str]]


def _before(case: Case) -> Route:
    return case.unprompted()


def _after(case: Case, part: Trained) -> Route:
    return case.with_adapter(case.unprompted(), part.adapter)


def _highest(
    case: Case, recipe: TrainingRecipe, parts: Sequence[Trained], tasks: Sequence[Task]
) -> int:
    """The place of the checkpoint nearest to passing for *tasks*; of equal ones the last."""
    distances = [min(_slack(case, recipe, part, task) for task in tasks) for part in parts]
    return max(range(len(parts)), key=lambda place: (distances[place], place))


def _destroyed(case: Case, recipe: TrainingRecipe, parts: Sequence[Trained]) -> bool:
    """Whether the last checkpoints are shown to be worse than before, for every task that is tuned,
    and the last is no better than they are. Of equal ones none lies behind."""
    last, tuned = parts[-PATIENCE - 1 :], _tuned(case, recipe)
    if len(last) <= PATIENCE:
        return False
    heights = [min(_slack(case, recipe, part, task) for task in tuned) for part in last]
    changes = [
        _figure(_paired(case, _after(case, part), _before(case), task))
        for part in last
        for task in tuned
    ]
    worse = all(change is not None and change.upper < 0.0 for change in changes)
    return worse and heights[-1] <= min(heights)


def _slack(case: Case, recipe: TrainingRecipe, part: Trained, task: Task) -> float:
    """How far a task lies above what it needs: its bar, or what it had less its margin."""
    route = _after(case, part)
    score = race.mean_score(case.evidence.answer(route, item) for item in items(task))
    if task in _tuned(case, recipe):
        return score - task.bar
    kept = race.mean_score(case.evidence.answer(_before(case), item) for item in items(task))
    return score - (kept - task.margin)


def _tuned(case: Case, recipe: TrainingRecipe) -> tuple[Task, ...]:
    """The failing tasks among those that are taught, or all that are taught."""
    taught = [case.project.task(part.task) for part in recipe.ingredients]
    return tuple(task for task in taught if task in case.failing()) or tuple(taught)


def _paired(case: Case, left: Route, right: Route, task: Task) -> _Pair | None:
    """Scores of both on the items that both answered, with clusters."""
    ones: list[float] = []
    others: list[float] = []
    clusters: list[str] = []
    for item in items(task):
        one, other = case.evidence.answer(left, item), case.evidence.answer(right, item)
        if one is None or other is None or one.score is None or other.score is None:
            continue
        ones.append(one.score)
        others.append(other.score)
        clusters.append(item.cluster)
    return (ones, others, clusters) if ones else None


def _figure(both: _Pair | None) -> Figure | None:
    if both is None:
        return None
    found = paired.interval(*both)
    return Figure(
        value=found.estimate,
        lower=found.lower,
        upper=found.upper,
        n=len(both[0]),
        clusters=len(set(both[2])),
    )
