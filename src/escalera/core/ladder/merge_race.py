"""Which merge goes to the fresh items: a grid halved on `search` items, then steps around the best.

Every task of an entrant is asked the same items; what counts is the task with the least room above
its bar. The means choose and prove nothing: the winner is confirmed like every other route.
"""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.ladder import race
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Evaluate, Halve, Merge, Step
from escalera.core.merging import plans
from escalera.domain.event import Raced
from escalera.domain.identity import digest_of
from escalera.domain.project import Project
from escalera.domain.recipe import MergePlan
from escalera.domain.system import Route
from escalera.domain.task import Task

ROUNDS: tuple[tuple[int, int], ...] = ((15, 5), (30, 2), (60, 1))
"""`search` items of each task after each round, and how many plans go on."""

LAST = ROUNDS[-1][0]
"""Items on which the steps around the best are held against it."""


def calls(project: Project, task: Task) -> int:
    """The most answers to a task that the race asks for."""
    running, before, total, pool = len(plans.propose("", ())), 0, 0, len(task.items("search"))
    for items, stay in ROUNDS:
        total += running * (min(items, pool) - min(before, pool))
        running, before = stay, items
    return total + 2 * len(project.tasks) * min(LAST, pool)


def choose(case: Case, first: str, others: Sequence[str]) -> Step | MergePlan:
    """The plan whose worst task is farthest above its bar; the steps that find it, until then."""
    grid = plans.propose(first, others)
    found = _halved(case, grid)
    if not isinstance(found, MergePlan):
        return found
    return _best(case, (found, *plans.around(found)))


# Below: private.


def _halved(case: Case, grid: Sequence[MergePlan]) -> Step | MergePlan:
    running, known = list(grid), _id("grid", grid)
    rounds = case.evidence.raced.get(known, [])
    for number, (items, stay) in enumerate(ROUNDS, start=1):
        if number <= len(rounds):
            kept = rounds[number - 1].survivors
            running = [plan for plan in running if _route(case, plan).digest in kept]
            continue
        return _round(case, running, known, number, items=items, stay=stay)
    return running[0]


def _best(case: Case, entrants: Sequence[MergePlan]) -> Step | MergePlan:
    known = _id("around", entrants)
    rounds = case.evidence.raced.get(known, [])
    if not rounds:
        return _round(case, entrants, known, 1, items=LAST, stay=1)
    best = rounds[-1].survivors[0]
    return next(plan for plan in entrants if _route(case, plan).digest == best)


def _round(
    case: Case, running: Sequence[MergePlan], known: str, number: int, *, items: int, stay: int
) -> Step:
    """Merge what is not merged, ask what was not asked, and say who goes on; ties to the first."""
    for plan in running:
        if plan.digest not in case.evidence.merged:
            return Merge(plan=plan)
    routes = [_route(case, plan) for plan in running]
    for task in case.project.tasks:
        for route in routes:
            wanted = case.calls(route, task.items("search")[:items])
            if case.missing(wanted):
                return Evaluate(rung="merge", purpose="race", task=task.name, calls=wanted)
    worst = [_room(case, route, items) for route in routes]
    best_first = sorted(range(len(routes)), key=lambda n: (-worst[n], n))
    return Halve(
        event=Raced(
            rung="merge",
            task="",
            race=known,
            round=number,
            items=items,
            entrants=tuple(route.digest for route in routes),
            means=tuple(worst),
            survivors=tuple(routes[n].digest for n in best_first[:stay]),
        )
    )


def _room(case: Case, route: Route, items: int) -> float:
    """How far the mean score of the tightest task lies above its bar."""
    return min(_headroom(case, route, task, items) for task in case.project.tasks)


def _headroom(case: Case, route: Route, task: Task, items: int) -> float:
    found = [case.evidence.answer(route, item) for item in task.items("search")[:items]]
    return race.mean_score(found) - task.bar


def _route(case: Case, plan: MergePlan) -> Route:
    merged = case.evidence.merged.get(plan.digest)
    return case.with_adapter(case.unprompted(), merged.adapter if merged else plan.digest)


def _id(kind: str, entrants: Sequence[MergePlan]) -> str:
    return digest_of(["merge", kind, [plan.digest for plan in entrants]])
