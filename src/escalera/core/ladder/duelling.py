"""Duels: a prompt against the one before, item by item, on `search` items that chose neither.

They choose and prove nothing; what a search ends with meets `confirm` items.
"""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.ladder import editing
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Duel, Evaluate, Step
from escalera.core.stats import paired
from escalera.domain.dataset import Example
from escalera.domain.event import Duelled
from escalera.domain.system import System
from escalera.domain.task import Task
from escalera.domain.verdict import Figure

ALPHA = 0.2
"""Two-sided error of what a round says: it chooses, and proves nothing."""


def step(
    case: Case,
    task: Task,
    number: int,
    candidate: System,
    incumbent: System,
    *,
    ahead: bool = False,
) -> Step | Duelled:
    """What a duel of *candidate* with *incumbent* needs next, or how it ended.

    The candidate is accepted where it is not shown worse, or (*ahead*) only where it has more.
    """
    known = case.evidence.duelled.get((task.name, number))
    if known is not None and (known.candidate, known.incumbent) == (
        candidate.digest,
        incumbent.digest,
    ):
        return known
    items = editing.duel_items(task)
    both = (incumbent, candidate)
    calls = tuple(case.call(system, item) for system in both for item in items)
    if case.missing(calls):
        return Evaluate(rung="search", purpose="duel", task=task.name, calls=calls)
    figure = _difference(case, candidate, incumbent, items)
    return Duel(
        event=Duelled(
            task=task.name,
            round=number,
            candidate=candidate.digest,
            incumbent=incumbent.digest,
            figure=figure,
            accepted=figure.value > 0 if ahead else figure.upper >= 0,
        )
    )


# Below: private.


def _difference(
    case: Case, candidate: System, incumbent: System, items: Sequence[Example]
) -> Figure:
    pairs = []
    for item in items:
        new, old = (case.evidence.sample(system, item) for system in (candidate, incumbent))
        if new is not None and old is not None and new.score is not None and old.score is not None:
            pairs.append((new.score, old.score, item.cluster))
    if not pairs:
        return Figure(value=0.0, lower=-1.0, upper=1.0, n=0, clusters=0)
    news, olds, clusters = zip(*pairs, strict=True)
    found = paired.interval(news, olds, clusters, alpha=ALPHA)
    return Figure(
        value=found.estimate,
        lower=found.lower,
        upper=found.upper,
        n=len(pairs),
        clusters=len(set(clusters)),
    )
