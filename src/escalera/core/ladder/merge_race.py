"""Which merge goes to the fresh items: a grid halved on `search` items, a search near its best.

Every task of an entrant is asked the same items; what counts is the task with the least room: above
its bar, and above the incumbent less the margin, for that is what the verdict will ask. The search
is CMA-ES over the weights of the grid's best: few generations, each plan on few items, because the
strategy goes by ranks and averages over plans. What it is after is the middle of its best quarter,
because the one plan that scored best owes a part of it to luck (`dev/LOG.md`). That middle, that
plan and the grid's best meet on the last items, which chose none of them where there are enough.
Where nothing can be suggested, each weight is moved by a step instead. Means choose and prove
nothing: the winner is confirmed like every other route.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from escalera.core.evidence import Evidence
from escalera.core.ladder import race
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import UNSEARCHED, Evaluate, Halve, Merge, Step, Suggest
from escalera.core.merging import plans
from escalera.domain.event import Raced
from escalera.domain.identity import digest_of
from escalera.domain.project import Project
from escalera.domain.recipe import MergePlan
from escalera.domain.sweep import LeverTrial, Sweep
from escalera.domain.system import Route
from escalera.domain.task import Task

ROUNDS: tuple[tuple[int, int], ...] = ((15, 5), (30, 2), (60, 1))
"""`search` items of each task after each round of the grid, and how many plans go on."""

LAST = ROUNDS[-1][0]
"""Items on which the grid's best is held against what comes of it."""

GENERATIONS = 4
SEARCHED = 30
"""Generations of the search, and the items on which each of their plans is measured."""

BEST = 4
"""Of all that were tried, one in so many makes the plan in their middle."""


MERGE = "merge "
"""What the question of a search begins with."""


def calls(project: Project, task: Task) -> int:
    """The most answers to a task that the race asks for."""
    running, before, total, pool = len(plans.propose("", ())), 0, 0, len(task.items("search"))
    for items, stay in ROUNDS:
        total += running * (min(items, pool) - min(before, pool))
        running, before = stay, items
    steps = 2 * len(project.tasks) * min(LAST, pool)
    searching = _trials(len(project.tasks) + 1) * min(SEARCHED, pool) + 3 * min(LAST, pool)
    return total + max(steps, searching) + 2 * min(LAST, pool)  # the incumbent's, too


def searched(evidence: Evidence) -> str | None:
    """How the weights of the last merge were found, in words; None where none was searched."""
    found = [plans for question, plans in evidence.suggested.items() if question.startswith(MERGE)]
    if not found:
        return None
    tried = sum(bool(one.values) for one in found[-1].values())
    return f"weights by CMA-ES, {tried} plans tried" if tried else UNSEARCHED


def choose(
    case: Case, first: str, others: Sequence[str], *, factors: bool = True
) -> Step | MergePlan:
    """The plan whose worst task has the most room; the steps that find it, until then.

    Without *factors* it is the model's own weights that were trained.
    """
    found = _halved(case, plans.propose(first, others, factors=factors))
    return found if not isinstance(found, MergePlan) else _searched(case, found)


# Below: private.


def _trials(dimensions: int) -> int:
    """Plans that the search tries: generations of 4 + 3 ln n (Hansen 2016, table 1)."""
    return GENERATIONS * (4 + math.floor(3 * math.log(dimensions)))


def _halved(case: Case, grid: Sequence[MergePlan]) -> Step | MergePlan:
    running, known = list(grid), _id("grid", grid)
    rounds = case.evidence.raced.get(known, [])
    for number, (items, stay) in enumerate(ROUNDS, start=1):
        if number <= len(rounds):
            kept = rounds[number - 1].survivors
            running = [plan for plan in running if _route(case, plan).digest in kept]
            continue
        return _round(case, running, known, number, on=slice(items), stay=stay)
    return running[0]


def _searched(case: Case, found: MergePlan) -> Step | MergePlan:
    levers = plans.levers(found)
    sweep = Sweep(
        levers=levers,
        trials=_trials(len(levers)),
        seed=case.project.policy.seed,
        way="evolution",
    )
    tried = _tried(case, found, sweep)
    if not isinstance(tried, tuple):
        return tried
    if len(tried) == 1:
        return _best(case, _id("around", tried), (found, *plans.around(found)), slice(LAST))
    known = _id("search", tried)
    rounds = case.evidence.raced.get(known, [])
    if not rounds:
        stay = max(3, len(tried) // BEST)
        return _round(case, tried, known, 1, on=slice(SEARCHED), stay=stay)
    by_route = {_route(case, plan).digest: plan for plan in tried}
    best = [by_route[digest] for digest in rounds[0].survivors]
    last = tuple(dict.fromkeys((plans.centre(best), best[0], found)))
    return _best(case, _id("last", last), last, slice(-LAST, None))


def _tried(case: Case, found: MergePlan, sweep: Sweep) -> Step | tuple[MergePlan, ...]:
    """The grid's best and every plan that was suggested after it; the next step until then."""
    question = MERGE + digest_of([found.digest, sweep])
    suggested = case.evidence.suggested.get(question, {})
    tried = [found]
    for number in range(1, sweep.trials + 1):
        step = _measured(case, tried[-1], slice(SEARCHED))
        if step is not None:
            return step
        if number not in suggested:
            return Suggest(
                question=question,
                sweep=sweep,
                number=number,
                tried=tuple(_trial(case, plan) for plan in tried),
            )
        if not suggested[number].values:
            break
        tried.append(plans.moved(found, suggested[number].values))
    return _measured(case, tried[-1], slice(SEARCHED)) or tuple(tried)


def _trial(case: Case, plan: MergePlan) -> LeverTrial:
    room = _room(case, _route(case, plan), slice(SEARCHED))
    return LeverTrial(values=plans.values(plan), scores=(round(room, 9),))


def _best(case: Case, known: str, entrants: Sequence[MergePlan], on: slice) -> Step | MergePlan:
    rounds = case.evidence.raced.get(known, [])
    if not rounds:
        return _round(case, entrants, known, 1, on=on, stay=1)
    best = rounds[-1].survivors[0]
    return next(plan for plan in entrants if _route(case, plan).digest == best)


def _round(
    case: Case, running: Sequence[MergePlan], known: str, number: int, *, on: slice, stay: int
) -> Step:
    """Merge what is not merged, ask what was not asked, and say who goes on; ties to the first."""
    for plan in running:
        step = _measured(case, plan, on)
        if step is not None:
            return step
    routes = [_route(case, plan) for plan in running]
    worst = [_room(case, route, on) for route in routes]
    best_first = sorted(range(len(routes)), key=lambda n: (-worst[n], n))
    return Halve(
        event=Raced(
            rung="merge",
            task="",
            race=known,
            round=number,
            items=max(len(task.items("search")[on]) for task in case.project.tasks),
            entrants=tuple(route.digest for route in routes),
            means=tuple(worst),
            survivors=tuple(routes[n].digest for n in best_first[:stay]),
        )
    )


def _measured(case: Case, plan: MergePlan, on: slice) -> Step | None:
    """What is missing before *plan* has a score on those `search` items of each task."""
    if plan.digest not in case.evidence.merged:
        return Merge(plan=plan)
    incumbent = case.incumbent_of("merge")
    for route in (*((incumbent,) if incumbent is not None else ()), _route(case, plan)):
        for task in case.project.tasks:
            wanted = case.calls(route, task.items("search")[on])
            if case.missing(wanted):
                return Evaluate(rung="merge", purpose="race", task=task.name, calls=wanted)
    return None


def _room(case: Case, route: Route, on: slice) -> float:
    """The least room of a task: what its mean score may lose and still pass."""
    return min(_headroom(case, route, task, on) for task in case.project.tasks)


def _headroom(case: Case, route: Route, task: Task, on: slice) -> float:
    """Above the bar, and above the incumbent on the same items less the margin."""
    incumbent = case.incumbent_of("merge")
    score = _score(case, route, task, on)
    if incumbent is None:
        return score - task.bar
    held = _score(case, incumbent, task, on)
    return score - max(task.bar, held - task.margin)


def _score(case: Case, route: Route, task: Task, on: slice) -> float:
    found = [case.evidence.answer(route, item) for item in task.items("search")[on]]
    return race.mean_score(found)


def _route(case: Case, plan: MergePlan) -> Route:
    merged = case.evidence.merged.get(plan.digest)
    return case.with_adapter(case.unprompted(), merged.adapter if merged else plan.digest)


def _id(kind: str, entrants: Sequence[MergePlan]) -> str:
    return digest_of(["merge", kind, [plan.digest for plan in entrants]])
