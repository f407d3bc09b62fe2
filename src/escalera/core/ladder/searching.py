"""The search rung: a model reads mistakes and writes edits; statistics say which of them stay.

A round asks the proposer for edits of the prompt in hand and screens them together on `search`
items. What seems to help stays, as long as a duel on other `search` items does not show it worse:
an edit that does nothing costs a line, one that is missed costs what it would have brought. This
goes on until the bar is reached there, nothing surely helps any more, or another round is likely to
cost more than it brings. What a search ends with takes the place of the prompt before only where
fresh items show it better; then it is held against the bar like any prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from escalera.core.evaluation import compare
from escalera.core.ladder import (
    confirm,
    deciding,
    duelling,
    editing,
    optimising,
    pricing,
    race,
    rungs,
    screening,
    words,
)
from escalera.core.ladder.caps import charge
from escalera.core.ladder.case import Case
from escalera.core.ladder.editing import Edited
from escalera.core.ladder.race import Race
from escalera.core.ladder.steps import Nominate, Price, Propose, Rewrite, Step
from escalera.core.prompts import operators, rewriting
from escalera.core.stats import mean
from escalera.domain.event import Drafted, Duelled, Nominated, Proposed
from escalera.domain.optimiser import Optimiser
from escalera.domain.project import Project
from escalera.domain.system import Route, System
from escalera.domain.task import Task

ROUNDS = 4
"""Rounds at most; most of what a search finds, it finds in the first two."""

PATIENCE = 3
"""Rounds in a row that bring nothing, after which the search ends."""

MISTAKES = 12
"""Wrong answers that the proposer is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How far the search for a task has come: the prompt in hand, and how many rounds there were.

    `step` is what it needs next, None when it has ended.
    """

    system: System
    rounds: int
    step: Step | None


def step(case: Case) -> Step | None:
    """The next step on the search rung, or None when the rung is decided."""
    if case.evidence.decision("search", "") is not None:
        return None
    tasks = case.failing_below("search")
    priced = _price(case, tasks)
    if priced is not None:
        return priced
    winners = {}
    for task in tasks:
        found = search(case, task)
        if found.step is not None:
            return found.step
        winners[task.name] = found.system
    route = _kept(case, winners)
    if not isinstance(route, Route):
        return route
    return deciding.judge(
        case,
        "search",
        route,
        tasks=tasks,
        say=lambda standing: _words(case, standing),
        conclude=lambda outcome, _: f"{rungs.rung('search').title}: {outcome}",
    )


def search(case: Case, task: Task) -> Found:
    """Follow the search for *task* from its beginning through everything that is known."""
    start = race.winner(case, _wordings(case, task))
    if case.project.optimiser is not None:
        system, asked_for = optimising.follow(case, task, case.project.optimiser, start)
        return Found(system=system, rounds=1, step=asked_for)
    edited = Edited(start=start, texts={}, on=())
    idle = 0
    for number in range(1, ROUNDS + 1):
        incumbent = case.system(task, edited.prompt)
        drafted = _drafted(case, task, number, incumbent)
        if drafted is None:
            asked: Step | Duelled | None = _rewrite(case, task, number, edited)
        else:
            edited = edited.told(drafted)
            asked = _round(case, task, number, edited)
        if asked is not None and not isinstance(asked, Duelled):
            return Found(system=incumbent, rounds=number - 1, step=asked)
        idle = 0 if asked is not None and _brought(case, task, asked) else idle + 1
        if asked is not None and asked.accepted:
            screened = editing.menu(case, task, edited, number)
            edited = replace(edited, on=editing.helpful(case, task, edited, screened))
        now = case.system(task, edited.prompt)
        over = idle == PATIENCE or number == ROUNDS or _reached(case, task, now)
        if over or (asked is not None and not _worth_it(case, task, asked)):
            return Found(system=now, rounds=number, step=None)
    raise AssertionError("the last round ends the search")


def most_calls(task: Task, optimiser: Optimiser | None = None) -> int:
    """The most calls that searching for *task* may take, the proposer's included."""
    if optimiser is not None:
        return optimising.most_calls(task, optimiser)
    duel = len(editing.duel_items(task))
    return ROUNDS * (1 + editing.most_calls(task) + duel) + duel


def writing(project: Project, tasks: Sequence[Task]) -> int | None:
    """Micro-dollars that the proposer is likely to take at most for *tasks*, None where unknown.

    Replies are taken at their longest. Of another tool's search it is not known how often it asks
    the proposer: those calls are among its calls, at the price of the task's model.
    """
    if project.proposer is None or project.optimiser is not None:
        return 0
    if project.proposer.price is None:
        return None
    found = 0
    for task in tasks:
        prompt = operators.everything(task.parts)
        tokens = rewriting.likely(prompt, list(task.items("search"))[:MISTAKES])
        found += ROUNDS * charge(project.proposer.price, tokens, rewriting.MOST_TOKENS)
    return found


# Below: private.


def _kept(case: Case, winners: Mapping[str, System]) -> Step | Route:
    """The route with those of *winners* that fresh items show better, or the step to find out."""
    before = case.best_below("search")
    if before is None:
        raise LookupError("the prompt rung has nominated no route")
    known = {branch.task: branch.system for branch in before.branches}
    found = case.route({**known, **winners})
    if found == before:
        return before
    if not any(entry.route == found for entry in case.evidence.nominated):
        return Nominate(event=Nominated(rung="search", route=found))
    better = confirm.improvements(case, "search", found, before)
    if not isinstance(better, tuple):
        return better
    return case.route(known | {task.name: found.system(task.name) for task in better})


def _price(case: Case, tasks: Sequence[Task]) -> Step | None:
    """Told at the rates of the calls so far: they are prompts of the same length."""
    if "search" in case.evidence.priced:
        return None
    tested = tasks if case.router is None else case.project.tasks
    # The prompt before is asked the same items.
    confirming = 2 * sum(len(task.items("confirm")) for task in tested)
    first = 2 * sum(compare.cutoffs(task, case.project.policy)[0] for task in tested)
    most = sum(most_calls(task, case.project.optimiser) for task in tasks)
    priced = pricing.price(
        case,
        "search",
        calls=most + confirming,
        fewest=most // ROUNDS + first,
        besides=writing(case.project, tasks),
    )
    return Price(event=priced, title=rungs.rung("search").title)


def _round(case: Case, task: Task, number: int, edited: Edited) -> Step | Duelled | None:
    """What a round needs next, how it ended, or None where it left the prompt as it was."""
    menu = editing.menu(case, task, edited, number)
    if not menu.factors:
        return None
    asked = screening.step(case, menu)
    if asked is not None:
        return asked
    chosen = editing.helpful(case, task, edited, menu)
    if chosen == edited.on:
        return None
    incumbent, candidate = (case.system(task, edited.saying(on)) for on in (edited.on, chosen))
    if not any(entry.system == candidate for entry in case.evidence.proposed):
        made = f"round {number}: {' + '.join(chosen) or 'as it was'}"
        return Propose(events=(_proposed(task, made, candidate, incumbent),))
    return duelling.step(case, task, number, candidate, incumbent)


def _brought(case: Case, task: Task, ended: Duelled) -> bool:
    """Whether a round brought something: its prompt or one of its edits is surely better."""
    if not ended.accepted:
        return False
    wanted = ("search", task.name, ended.round)
    return ended.figure.lower > 0 or any(
        effect.lower > 0
        for event in case.evidence.screened
        if (event.rung, event.task, event.round) == wanted
        for effect in event.effects
    )


def _proposed(task: Task, made: str, candidate: System, incumbent: System) -> Proposed:
    return Proposed(
        rung="search",
        task=task.name,
        operator=made,
        system=candidate,
        parent=incumbent.digest,
    )


def _rewrite(case: Case, task: Task, number: int, edited: Edited) -> Rewrite:
    parent = case.system(task, edited.prompt)
    wrong = [
        case.call(parent, item)
        for item in task.items("search")
        if (seen := case.evidence.sample(parent, item)) is not None
        and seen.score is not None
        and seen.score < 1
    ][:MISTAKES]
    tried = editing.tried(case, task, edited, number - 1)
    return Rewrite(
        task=task.name,
        round=number,
        parent=parent,
        mistakes=tuple(wrong),
        tried=tried,
        longest=rewriting.longest(parent.prompt, [call.item for call in wrong], tried),
    )


def _reached(case: Case, task: Task, incumbent: System) -> bool:
    """Whether the prompt in hand is above the bar on what it has seen, as far as that can tell."""
    known = [
        (seen.score, item.cluster)
        for item in task.items("search")
        if (seen := case.evidence.sample(incumbent, item)) is not None and seen.score is not None
    ]
    if not known:
        return False
    scores, clusters = zip(*known, strict=True)
    return mean.interval(scores, clusters, alpha=duelling.ALPHA).lower >= task.bar


def _worth_it(case: Case, task: Task, ended: Duelled) -> bool:
    """Whether another round is likely to bring more than it costs.

    Gains shrink from round to round: half of the last one is forecast, at the task's own value per
    point and month. Where either is unknown, the search goes on.
    """
    money = case.evidence.spent
    if not task.value_per_point or money.micro_dollars is None or not ended.accepted:
        return True
    price = most_calls(task) / ROUNDS * money.micro_dollars / max(money.calls, 1) / 1e6
    return 100 * ended.figure.value / 2 * task.value_per_point >= price


def _drafted(case: Case, task: Task, number: int, incumbent: System) -> Drafted | None:
    found = case.evidence.drafted.get((task.name, number))
    return found if found is not None and found.parent == incumbent.digest else None


def _wordings(case: Case, task: Task) -> Race:
    entrants = tuple(
        proposed.system
        for proposed in case.evidence.proposed
        if (proposed.rung, proposed.task, proposed.purpose) == ("prompt", task.name, "race")
    )
    return Race(rung="prompt", task=task, entrants=entrants)


def _replaced(case: Case, task: Task) -> bool:
    """Whether the rung's last route answers the task otherwise than the prompt rung's."""
    before, now = case.best_below("search"), case.evidence.nominee("search")
    return (
        before is not None and now is not None and before.system(task.name) != now.system(task.name)
    )


def _words(case: Case, standing: confirm.Standing) -> str:
    task, seen = standing.task, standing.adequacy.figure
    if not _replaced(case, task):
        return _nothing(case, task)
    rounds = search(case, task).rounds
    how = f"after {rounds} rounds" if rounds > 1 else "after one round"
    bar = f"bar {task.bar:.2f}"
    match standing.outcome:
        case "adequate":
            return f"a searched prompt reaches {words.figure(seen)} for {task.title}, {bar}; {how}"
        case "inadequate":
            return f"a searched prompt stops at {words.figure(seen)} for {task.title}, {bar}; {how}"
        case _:
            more = words.items_needed(standing.adequacy)
            return (
                f"a searched prompt stands at {words.figure(seen)} for {task.title}, {bar}: "
                f"not enough evidence, {more}"
            )


def _nothing(case: Case, task: Task) -> str:
    """That no prompt was better, or that the proposer wrote none."""
    written = [draft for (name, _), draft in case.evidence.drafted.items() if name == task.name]
    if written and not any(draft.edits for draft in written):
        replies = f"{len(written)} replies" if len(written) > 1 else "one reply"
        return (
            f"{written[0].model} wrote no instructions that could be read for {task.title}, in "
            f"{replies}"
        )
    return f"no searched prompt was shown better for {task.title}"
