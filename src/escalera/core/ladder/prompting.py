"""The prompting rungs: wording first, then worked examples for what wording cannot do."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.evaluation import compare
from escalera.core.ladder import confirm, deciding, pricing, race, rungs, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.race import Race
from escalera.core.ladder.steps import Call, Evaluate, Price, Propose, Step
from escalera.core.prompts import fewshot, variants
from escalera.domain.event import Proposed
from escalera.domain.project import RungName
from escalera.domain.system import Prompt, System
from escalera.domain.task import Task

PILOT_ITEMS = 10


def step(case: Case, rung: RungName) -> Step | None:
    """The next step on a prompting rung, or None when the rung is decided."""
    tasks = case.project.tasks if rung == "prompt" else case.failing_by("prompt")
    if case.evidence.decision(rung, "") is not None:
        return None
    return (
        _propose(case, rung, tasks)
        or _price(case, rung, tasks)
        or _race(case, rung, tasks)
        or _confirm(case, rung, tasks)
    )


# Below: private.


def _propose(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step | None:
    for task in tasks:
        if _entrants(case, rung, task):
            continue
        made = _wordings(task) if rung == "prompt" else _with_examples(case, task)
        events = tuple(
            Proposed(
                rung=rung,
                task=task.name,
                operator=operator,
                system=case.system(task, prompt),
                parent=parent,
            )
            for operator, prompt, parent in made
        )
        return Propose(events=events)
    return None


def _wordings(task: Task) -> list[tuple[str, Prompt, str | None]]:
    """The user's own prompts and the variants; equal prompts run once."""
    own = [(named.prompt, f"file {named.name}") for named in task.prompts]
    made = [(prompt, name) for name, prompt in variants.propose(task.parts)]
    named = dict(reversed([*own, *made]))
    return [(named[prompt], prompt, None) for prompt in dict.fromkeys(p for p, _ in [*own, *made])]


def _with_examples(case: Case, task: Task) -> list[tuple[str, Prompt, str | None]]:
    """The two best wordings, each as it is and with examples."""
    made: list[tuple[str, Prompt, str | None]] = []
    for parent in race.finalists(case, _race_of(case, "prompt", task))[:2]:
        operator = case.evidence.operator(parent.digest)
        made.append((operator, parent.prompt, None))
        made.extend(
            (f"{operator} + {name}", prompt, parent.digest)
            for name, prompt in fewshot.propose(parent.prompt, task.items("train"))
        )
    return made


def _entrants(case: Case, rung: RungName, task: Task) -> tuple[System, ...]:
    return tuple(
        proposed.system
        for proposed in case.evidence.proposed
        if (proposed.rung, proposed.task) == (rung, task.name)
    )


def _race_of(case: Case, rung: RungName, task: Task) -> Race:
    return Race(rung=rung, task=task, entrants=_entrants(case, rung, task))


def _price(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step | None:
    """Ten items of each task price the rung; they are the first items of the race, not extra."""
    if rung in case.evidence.priced:
        return None
    calls = tuple(
        Call(system=system, item=item)
        for task in tasks
        for system in _entrants(case, rung, task)[-1:]
        for item in task.items("search")[:PILOT_ITEMS]
    )
    if case.missing(calls):
        return Evaluate(rung=rung, purpose="pilot", task="", calls=calls)
    races = [_race_of(case, rung, task).schedule() for task in tasks]
    racing = sum(entry.calls for schedule in races for entry in schedule)
    # A router sends some items of one type to another's system: then every type is asked again.
    tested = tasks if case.router is None else case.project.tasks
    confirming = sum(len(task.items("confirm")) for task in tested)
    first = sum(compare.cutoffs(task, case.project.policy)[0] for task in tested)
    return Price(event=pricing.price(case, rung, calls=racing + confirming, fewest=racing + first))


def _race(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step | None:
    for task in tasks:
        found = race.step(case, _race_of(case, rung, task))
        if found is not None:
            return found
    return None


def _confirm(case: Case, rung: RungName, tasks: Sequence[Task]) -> Step:
    winners = {task.name: race.winner(case, _race_of(case, rung, task)) for task in tasks}
    if rung == "examples":
        before = case.unprompted()
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
    what = "prompting" if rung == "prompt" else "prompting with examples"
    tried = len(_entrants(case, rung, task))
    best = f"best of {tried} prompts"
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
