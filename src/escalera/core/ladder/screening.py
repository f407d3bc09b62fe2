"""Screening prompt operators: which of many are worth having, before a race among few.

Two stages on common `search` items. First each operator that is no part of the task is turned on by
itself, on top of everything that the task tells: most do not help, and one that ruins answers would
hide what others do. Then the parts and the best of the others are turned on and off together in a
factorial design, which says what each is worth whatever the others are. The finalists race.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from escalera.core.answers import Answer
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Evaluate, Propose, Screen, Step
from escalera.core.prompts import operators
from escalera.core.prompts.operators import Operator
from escalera.core.stats import clustering, factorial
from escalera.core.stats.factorial import Effect
from escalera.domain.dataset import Example
from escalera.domain.event import Proposed, Screened, Stage
from escalera.domain.system import Prompt, System
from escalera.domain.task import Task
from escalera.domain.verdict import Figure

TOGGLE_ITEMS = 12
"""Enough to see an operator that ruins answers; small gains are for the factorial to find."""

FACTORIAL_ITEMS = 20
"""Per run; with 16 runs an effect of 0.1 or more stands out of the noise."""

MOST_FACTORS = 7
"""What 16 runs can hold, free of interactions of two."""

FINALISTS = 6
"""Entrants of the race, at most, besides prompts of the user's own."""

ALPHA = 0.2
"""Of the intervals of effects: they choose finalists, and prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One prompt of a stage: the operators that are on, and the system that they make."""

    operators: tuple[Operator, ...]
    system: System


def step(case: Case, task: Task) -> Step | None:
    """The next step of screening for *task*, or None when both stages are over."""
    for stage in ("toggles", "factorial"):
        if screened(case, task, stage) is not None:
            continue
        runs = _runs(case, task, stage)
        if len(runs) < 2:
            continue
        new = [run for run in runs if not _known(case, task, run.system)]
        if new:
            return Propose(events=tuple(_proposed(case, task, run) for run in new))
        calls = tuple(
            Call(system=run.system, item=item) for run in runs for item in _items(task, stage)
        )
        if case.missing(calls):
            return Evaluate(rung="prompt", purpose="screen", task=task.name, calls=calls)
        return Screen(event=_screened(case, task, stage, runs))
    return None


def finalists(case: Case, task: Task) -> tuple[tuple[str, Prompt], ...]:
    """The prompts that race, simplest first, each with the name of its operators.

    Everything that is told; the operators that seem to help, those that surely do, and those that
    are not shown to harm; and the two best runs as they were seen.
    """
    told = _told(case, task)
    found = [told, _plain(told)]
    seen = screened(case, task, "factorial")
    if seen is not None:
        effects = list(zip(_factors(case, task), seen.effects, strict=True))
        found.append(tuple(operator for operator, effect in effects if effect.value > 0))
        found.append(tuple(operator for operator, effect in effects if effect.lower > 0))
        found.append(tuple(operator for operator, effect in effects if effect.upper >= 0))
        runs = _runs(case, task, "factorial")
        best = sorted(range(len(runs)), key=lambda place: (-seen.means[place], place))
        found.extend(runs[place].operators for place in best[:2])
    made = {operators.compose(chosen, task.parts): chosen for chosen in reversed(found)}
    order = {operator.name: place for place, operator in enumerate(operators.OPERATORS)}
    simplest = sorted(
        made.items(), key=lambda pair: (len(pair[1]), [order[one.name] for one in pair[1]])
    )
    return tuple((operators.named(chosen), prompt) for prompt, chosen in simplest)


def pilot(case: Case, task: Task, items: int) -> tuple[Call, ...]:
    """A call for each of the first *items*, under the prompt that tells everything.

    They are part of what the first stage asks, so that a pilot costs nothing more.
    """
    base = _runs(case, task, "toggles")[0].system
    return tuple(Call(system=base, item=item) for item in _items(task, "toggles")[:items])


def calls(task: Task, names: tuple[str, ...] | None) -> int:
    """The most calls that screening may take for *task* with the operators called *names*."""
    known = operators.available(task.parts, names)
    parts = sum(operator.name in operators.PARTS for operator in known)
    others = len(known) - parts
    pool = len(task.items("search"))
    toggles = (1 + others) * min(TOGGLE_ITEMS, pool) if others else 0
    factors = min(len(known), max(MOST_FACTORS, parts))
    runs = len(factorial.design(factors)) if factors > 1 else 0
    return toggles + runs * min(FACTORIAL_ITEMS, pool)


def screened(case: Case, task: Task, stage: Stage) -> Screened | None:
    """How a stage ended for *task*, if it did."""
    for event in case.evidence.screened:
        if (event.task, event.stage) == (task.name, stage):
            return event
    return None


# Below: private.


def _told(case: Case, task: Task) -> tuple[Operator, ...]:
    """Every part that the task has."""
    known = operators.available(task.parts, case.project.policy.operators)
    return tuple(operator for operator in known if operator.name in operators.PARTS)


def _plain(told: Iterable[Operator]) -> tuple[Operator, ...]:
    return tuple(operator for operator in told if operator.name in ("instruction", "contract"))


def _others(case: Case, task: Task) -> tuple[Operator, ...]:
    known = operators.available(task.parts, case.project.policy.operators)
    return tuple(operator for operator in known if operator.name not in operators.PARTS)


def _factors(case: Case, task: Task) -> tuple[Operator, ...]:
    """The parts, and the other operators that the first stage kept, in the table's order."""
    seen = screened(case, task, "toggles")
    kept = set() if seen is None else set(seen.kept)
    known = operators.available(task.parts, case.project.policy.operators)
    return tuple(one for one in known if one.name in operators.PARTS or one.name in kept)


def _runs(case: Case, task: Task, stage: Stage) -> tuple[Run, ...]:
    return tuple(
        Run(
            operators=chosen,
            system=case.system(task, operators.compose(chosen, task.parts)),
        )
        for chosen in _settings(case, task, stage)
    )


def _settings(case: Case, task: Task, stage: Stage) -> Iterator[tuple[Operator, ...]]:
    if stage == "toggles":
        told, known = set(_told(case, task)), operators.available(task.parts)
        yield _told(case, task)
        for other in _others(case, task):
            yield tuple(one for one in known if one in told or one is other)
        return
    factors = _factors(case, task)
    if len(factors) > 1:
        for row in factorial.design(len(factors)):
            yield tuple(one for one, on in zip(factors, row, strict=True) if on)


def _items(task: Task, stage: Stage) -> tuple[Example, ...]:
    return task.items("search")[: TOGGLE_ITEMS if stage == "toggles" else FACTORIAL_ITEMS]


def _known(case: Case, task: Task, system: System) -> bool:
    return any(
        (entry.task, entry.system) == (task.name, system) for entry in case.evidence.proposed
    )


def _proposed(case: Case, task: Task, run: Run) -> Proposed:
    base = _runs(case, task, "toggles")[0]
    return Proposed(
        rung="prompt",
        task=task.name,
        operator=operators.named(run.operators),
        system=run.system,
        parent=None if run.system == base.system else base.system.digest,
        purpose="screen",
    )


def _screened(case: Case, task: Task, stage: Stage, runs: Sequence[Run]) -> Screened:
    items = _items(task, stage)
    rows = [[_score(case.evidence.sample(run.system, item)) for item in items] for run in runs]
    whole = [place for place in range(len(items)) if all(row[place] is not None for row in rows)]
    scores = np.array([[row[place] for place in whole] for row in rows], dtype=float)
    clusters = [items[place].cluster for place in whole]
    factors = _others(case, task) if stage == "toggles" else _factors(case, task)
    effects = _effects(stage, scores, clusters, len(factors))
    kept = _kept(stage, case, task, effects)
    return Screened(
        task=task.name,
        stage=stage,
        items=len(items),
        factors=tuple(operator.name for operator in factors),
        effects=effects,
        runs=tuple(run.system.digest for run in runs),
        means=tuple(float(row.mean()) if whole else 0.0 for row in scores),
        kept=kept,
    )


def _score(answer: Answer | None) -> float | None:
    return None if answer is None else answer.score


def _effects(
    stage: Stage, scores: np.ndarray, clusters: Sequence[str], factors: int
) -> tuple[Figure, ...]:
    """What each factor adds; nothing is known where no item was answered by all runs."""
    count = scores.shape[1]
    if not count:
        unknown = Figure(value=0.0, lower=-1.0, upper=1.0, n=0, clusters=0)
        return (unknown,) * factors
    if stage == "factorial":
        found = factorial.effects(scores, factorial.design(factors), clusters, alpha=ALPHA)
    else:
        found = tuple(_over_first(scores, place, clusters) for place in range(1, factors + 1))
    return tuple(
        Figure(
            value=effect.value,
            lower=max(-1.0, effect.lower),
            upper=min(1.0, effect.upper),
            n=count,
            clusters=len(set(clusters)),
        )
        for effect in found
    )


def _over_first(scores: np.ndarray, place: int, clusters: Sequence[str]) -> Effect:
    found = clustering.robust_mean(scores[place] - scores[0], clusters)
    lower, upper = clustering.t_interval(found, alpha=ALPHA)
    return Effect(value=found.value, lower=lower, upper=upper, alpha=ALPHA)


def _kept(stage: Stage, case: Case, task: Task, effects: Sequence[Figure]) -> tuple[str, ...]:
    """After the first stage what did not lower the mean, best first, as far as there is room."""
    if stage == "factorial":
        factors = _factors(case, task)
        return tuple(
            one.name for one, effect in zip(factors, effects, strict=True) if effect.value > 0
        )
    room = max(0, MOST_FACTORS - len(_told(case, task)))
    others = zip(_others(case, task), effects, strict=True)
    able = [(one.name, effect.value) for one, effect in others if effect.value >= 0]
    return tuple(name for name, _ in sorted(able, key=lambda pair: -pair[1])[:room])
