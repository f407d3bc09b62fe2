"""The prompting rungs: wording first, then worked examples for what wording cannot do.

Then, for tasks with a schema that examples left inadequate, the ways of holding answers to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from escalera.core.evaluation import compare
from escalera.core.ladder import (
    confirm,
    deciding,
    pricing,
    race,
    rungs,
    screening,
    showing,
    wording,
    words,
)
from escalera.core.ladder.case import Case
from escalera.core.ladder.race import Race
from escalera.core.ladder.steps import Call, Evaluate, Price, Propose, Step
from escalera.core.prompts import contracts
from escalera.domain.event import Proposed
from escalera.domain.project import RungName
from escalera.domain.system import System
from escalera.domain.task import Task

PILOT_ITEMS = 10

_SAID: Mapping[RungName, tuple[str, str]] = {
    "prompt": ("prompting", "prompts"),
    "examples": ("prompting with examples and context", "prompts"),
    "structured": ("structured output", "contracts"),
}
"""What a rung does, and what it tries, in words."""


def step(case: Case, rung: RungName) -> Step | None:
    """The next step on a prompting rung, or None when the rung is decided."""
    tasks = _tasks(case, rung)
    if case.evidence.decision(rung, "") is not None or not tasks:
        return None
    if rung == "prompt":
        preparing = _price(case, rung, tasks) or _screen(case, tasks) or _propose(case, rung, tasks)
    else:
        preparing = _propose(case, rung, tasks) or _price(case, rung, tasks)
    return preparing or _race(case, rung, tasks) or _confirm(case, rung, tasks)


# Below: private.

_Made = tuple[str, System, str | None]
"""The name of an operator, the system that it made, and the digest of what it was made from."""


def _tasks(case: Case, rung: RungName) -> Sequence[Task]:
    """The tasks that a rung is about: all, or those that the rungs below left inadequate."""
    if rung == "prompt":
        return case.project.tasks
    failing = case.failing_below(rung)
    if rung == "structured":
        return [task for task in failing if task.schema is not None]
    return failing


def _screen(case: Case, tasks: Sequence[Task]) -> Step | None:
    for task in tasks:
        found = screening.step(case, wording.menu(task, case.project.policy.operators))
        if found is not None:
            return found
    return None


def _propose(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step | None:
    for task in tasks:
        if _entrants(case, rung, task):
            continue
        events = tuple(
            Proposed(rung=rung, task=task.name, operator=operator, system=system, parent=parent)
            for operator, system, parent in _made(case, rung, task)
        )
        return Propose(events=events)
    return None


def _made(case: Case, rung: RungName, task: Task) -> list[_Made]:
    if rung == "structured":
        return _with_contracts(case, task)
    if rung == "examples":
        return _with_examples(case, task)
    return _with_operators(case, task)


def _with_operators(case: Case, task: Task) -> list[_Made]:
    """The finalists; what operators made comes from the prompt that tells everything."""
    menu = wording.menu(task, case.project.policy.operators)
    base = case.system(task, menu.compose(menu.base))
    first = {base.prompt, *(named.prompt for named in task.prompts)}
    return [
        (name, case.system(task, prompt), None if prompt in first else base.digest)
        for name, prompt in wording.finalists(case, task)
    ]


def _with_examples(case: Case, task: Task) -> list[_Made]:
    """The two best wordings, as they are and with examples and passages."""
    raced = race.finalists(case, _race_of(case, "prompt", task))
    parents = [*dict.fromkeys([case.unprompted().system(task.name), *raced[:2]])]
    return [
        (operator, case.system(task, prompt), parent)
        for operator, prompt, parent in showing.entrants(case, task, parents)
    ]


def _with_contracts(case: Case, task: Task) -> list[_Made]:
    """The best prompt so far as it is, and under each contract that the model can keep."""
    best = case.best_below("structured")
    if best is None or task.schema is None:
        raise AssertionError("the structured rung needs a prompt and a schema")
    parents = [best.system(task.name)]
    if parents[0].prompt.marker:
        # A model that thinks aloud before its answer cannot be held to JSON from the first sign.
        raced = race.finalists(case, _race_of(case, "prompt", task))
        parents.append(
            next(s for s in (*raced, *_entrants(case, "prompt", task)) if not s.prompt.marker)
        )
    names = [case.evidence.operator(parent.digest) for parent in parents]
    made: list[_Made] = [(name, parent, None) for name, parent in zip(names, parents, strict=True)]
    made.extend(
        (f"{names[-1]} + {name}", replace(parents[-1], output=output), parents[-1].digest)
        for name, output in contracts.propose(task.schema, case.project.model.output)
    )
    return made


def _entrants(case: Case, rung: RungName, task: Task) -> tuple[System, ...]:
    return tuple(
        proposed.system
        for proposed in case.evidence.proposed
        if (proposed.rung, proposed.task, proposed.purpose) == (rung, task.name, "race")
    )


def _race_of(case: Case, rung: RungName, task: Task) -> Race:
    return Race(rung=rung, task=task, entrants=_entrants(case, rung, task))


def _price(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step | None:
    """Ten items of each task price the rung; they are asked anyhow, not extra."""
    if rung in case.evidence.priced:
        return None
    calls = _pilot(case, rung, tasks)
    if case.missing(calls):
        return Evaluate(rung=rung, purpose="pilot", task="", calls=calls)
    choosing = sum(_choosing(case, rung, task) for task in tasks)
    # A router sends some items of one type to another's system: then every type is asked again.
    tested = tasks if case.router is None else case.project.tasks
    confirming = sum(len(task.items("confirm")) for task in tested)
    first = sum(compare.cutoffs(task, case.project.policy)[0] for task in tested)
    priced = pricing.price(case, rung, calls=choosing + confirming, fewest=choosing + first)
    return Price(event=priced, title=rungs.rung(rung).title)


def _pilot(case: Case, rung: RungName, tasks: Sequence[Task]) -> tuple[Call, ...]:
    """Ten items of each task; where prompts differ in length, from the first to the last entrant.

    Runs of items stay together, because a local model answers them as a batch.
    """
    if rung == "prompt":
        menus = [wording.menu(task, case.project.policy.operators) for task in tasks]
        return tuple(call for menu in menus for call in screening.pilot(case, menu, PILOT_ITEMS))
    return tuple(
        case.call(entrants[place * len(entrants) // PILOT_ITEMS], item)
        for task in tasks
        for entrants in [_spread(_entrants(case, rung, task))]
        for place, item in enumerate(task.items("search")[:PILOT_ITEMS])
    )


def _spread(entrants: Sequence[System]) -> Sequence[System]:
    """The first, the middle and the last."""
    return entrants[:: max(1, (len(entrants) - 1) // 2)] if len(entrants) > 2 else entrants


def _choosing(case: Case, rung: RungName, task: Task) -> int:
    """The calls, at most, until there is a winner to confirm."""
    if rung != "prompt":
        return sum(entry.calls for entry in _race_of(case, rung, task).schedule())
    screened = wording.calls(task, case.project.policy.operators)
    arms = wording.FINALISTS + len(task.prompts)
    return screened + sum(entry.calls for entry in race.schedule(arms, task))


def _race(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step | None:
    for task in tasks:
        found = race.step(case, _race_of(case, rung, task))
        if found is not None:
            return found
    return None


def _confirm(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step:
    winners = {task.name: race.winner(case, _race_of(case, rung, task)) for task in tasks}
    before = case.best_below(rung)
    if before is not None:
        winners = {task.name: before.system(task.name) for task in case.project.tasks} | winners
    route = case.route(winners)
    return deciding.judge(
        case,
        rung,
        route,
        tasks=tasks,
        say=lambda standing: _words(case, rung, standing),
        conclude=lambda outcome, _: f"{rungs.rung(rung).title}: {outcome}",
    )


def _words(case: Case, rung: RungName, standing: confirm.Standing) -> str:
    task, seen = standing.task, standing.adequacy.figure
    what, kind = _SAID[rung]
    best = f"best of {len(_entrants(case, rung, task))} {kind}"
    match standing.outcome:
        case "adequate":
            return (
                f"{what} reaches {words.figure(seen)} for {task.title}, bar {task.bar:.2f}; {best}"
            )
        case "inadequate":
            return (
                f"{what} stops at {words.figure(seen)} for {task.title}, bar {task.bar:.2f}; {best}"
            )
        case _:
            more = words.items_needed(standing.adequacy)
            return (
                f"{what} stands at {words.figure(seen)} for {task.title}, bar {task.bar:.2f}: "
                f"not enough evidence, {more}"
            )
