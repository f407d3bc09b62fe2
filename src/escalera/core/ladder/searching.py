"""The search rung: a model reads mistakes and writes edits; statistics say which of them stay.

A round asks the proposer for edits of the prompt in hand, screens them together on common `search`
items, and holds the best of them against that prompt on other `search` items. It goes on from what
is better, until the bar is reached there, nothing helps any more, or another round is likely to
cost more than it brings. What a search ends with is confirmed on fresh items like any prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.evaluation import compare
from escalera.core.ladder import confirm, deciding, pricing, race, rungs, screening, words
from escalera.core.ladder.case import Case
from escalera.core.ladder.race import Race
from escalera.core.ladder.screening import Menu, On
from escalera.core.ladder.steps import Duel, Evaluate, Price, Propose, Rewrite, Step
from escalera.core.prompts import rewriting
from escalera.core.prompts.rewriting import Tried
from escalera.core.stats import mean, paired
from escalera.domain.dataset import Example
from escalera.domain.event import Drafted, Duelled, Proposed
from escalera.domain.system import System
from escalera.domain.task import Task
from escalera.domain.verdict import Figure

ROUNDS = 4
"""Rounds at most; most of what a search finds, it finds in the first two."""

PATIENCE = 2
"""Rounds in a row that bring nothing, after which the search ends."""

DUEL_ITEMS = 80
"""Items that the best edits meet besides those that chose them."""

MISTAKES = 12
"""Wrong answers that the proposer is shown."""

ALPHA = 0.2
"""Two-sided error of a duel: one in ten useless prompts gets through, to be confirmed or not."""


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
    before = {branch.task: branch.system for branch in case.unprompted().branches}
    route = case.route(before | winners)
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
    incumbent = race.winner(case, _wordings(case, task))
    idle = 0
    for number in range(1, ROUNDS + 1):
        drafted = _drafted(case, task, number, incumbent)
        if drafted is None:
            return Found(
                system=incumbent, rounds=number - 1, step=_rewrite(case, task, number, incumbent)
            )
        ended = _round(case, task, drafted, incumbent)
        if isinstance(ended, Duelled):
            idle = 0 if ended.accepted else idle + 1
            incumbent = _named(case, ended.candidate) if ended.accepted else incumbent
        elif ended is not None:
            return Found(system=incumbent, rounds=number - 1, step=ended)
        else:
            idle += 1
        if idle == PATIENCE or number == ROUNDS or _reached(case, task, incumbent):
            return Found(system=incumbent, rounds=number, step=None)
        if ended is not None and not _worth_it(case, task, ended):
            return Found(system=incumbent, rounds=number, step=None)
    raise AssertionError("the last round ends the search")


def most_calls(task: Task) -> int:
    """The most calls that searching for *task* may take, the proposer's included."""
    pool = len(task.items("search"))
    toggles = (1 + rewriting.MOST_EDITS) * min(screening.TOGGLE_ITEMS, pool)
    factorial = 16 * min(screening.FACTORIAL_ITEMS, pool)
    return ROUNDS * (1 + toggles + factorial + 2 * len(_duel_items(task)))


# Below: private.


def _price(case: Case, tasks: Sequence[Task]) -> Step | None:
    """Told at the rates of the calls so far: they are prompts of the same length."""
    if "search" in case.evidence.priced:
        return None
    tested = tasks if case.router is None else case.project.tasks
    confirming = sum(len(task.items("confirm")) for task in tested)
    first = sum(compare.cutoffs(task, case.project.policy)[0] for task in tested)
    most = sum(most_calls(task) for task in tasks)
    return Price(
        event=pricing.price(case, "search", calls=most + confirming, fewest=most // ROUNDS + first)
    )


def _round(case: Case, task: Task, drafted: Drafted, incumbent: System) -> Step | Duelled | None:
    """What a round needs next, how it ended, or None where it had nothing to hold a duel with."""
    if not drafted.edits:
        return None
    menu = _menu(task, drafted, incumbent)
    asked = screening.step(case, menu)
    if asked is not None:
        return asked
    chosen = _chosen(case, menu)
    if not chosen:
        return None
    candidate = case.system(task, menu.compose(chosen))
    if not any(entry.system == candidate for entry in case.evidence.proposed):
        return Propose(events=(_proposed(task, menu, chosen, candidate, incumbent),))
    return _duel(case, task, drafted.round, candidate, incumbent)


def _menu(task: Task, drafted: Drafted, incumbent: System) -> Menu:
    """The edits of a round, to be turned on and off over the prompt in hand."""
    edits = {f"edit {drafted.round}.{n}": text for n, text in enumerate(drafted.edits, start=1)}
    return Menu(
        rung="search",
        task=task,
        round=drafted.round,
        factors=tuple(edits),
        base=(),
        compose=lambda on: rewriting.added(incumbent.prompt, [edits[name] for name in on]),
        made=lambda on: f"round {drafted.round}: {' + '.join(on) or 'as it was'}",
    )


def _chosen(case: Case, menu: Menu) -> On:
    """What surely helps, or seems to where nothing is sure."""
    seen = screening.screened(case, menu, "factorial") or screening.screened(case, menu, "toggles")
    if seen is None:
        return ()
    effects = list(zip(seen.factors, seen.effects, strict=True))
    sure = tuple(name for name, effect in effects if effect.lower > 0)
    return sure or tuple(name for name, effect in effects if effect.value > 0)


def _proposed(task: Task, menu: Menu, chosen: On, candidate: System, incumbent: System) -> Proposed:
    return Proposed(
        rung="search",
        task=task.name,
        operator=menu.made(chosen),
        system=candidate,
        parent=incumbent.digest,
    )


def _duel(
    case: Case, task: Task, number: int, candidate: System, incumbent: System
) -> Step | Duelled:
    known = case.evidence.duelled.get((task.name, number))
    if known is not None and (known.candidate, known.incumbent) == (
        candidate.digest,
        incumbent.digest,
    ):
        return known
    items = _duel_items(task)
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
            accepted=figure.lower > 0,
        )
    )


def _duel_items(task: Task) -> Sequence[Example]:
    """The last `search` items: the first chose the edits, where there are enough of both."""
    items = task.items("search")
    return items[max(0, min(len(items) - DUEL_ITEMS, screening.FACTORIAL_ITEMS)) :][:DUEL_ITEMS]


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


def _rewrite(case: Case, task: Task, number: int, incumbent: System) -> Rewrite:
    wrong = [
        case.call(incumbent, item)
        for item in task.items("search")
        if (seen := case.evidence.sample(incumbent, item)) is not None
        and seen.score is not None
        and seen.score < 1
    ][:MISTAKES]
    tried = tuple(one for before in range(1, number) for one in _tried(case, task, before))
    return Rewrite(
        task=task.name,
        round=number,
        parent=incumbent,
        mistakes=tuple(wrong),
        tried=tried,
        longest=rewriting.longest(incumbent.prompt, [call.item for call in wrong], tried),
    )


def _tried(case: Case, task: Task, number: int) -> list[Tried]:
    """The edits of a round, with what they added when they were seen last."""
    drafted = case.evidence.drafted.get((task.name, number))
    if drafted is None:
        return []
    effects: dict[str, float] = {}
    for event in case.evidence.screened:
        if (event.rung, event.task, event.round) == ("search", task.name, number):
            effects |= {n: e.value for n, e in zip(event.factors, event.effects, strict=True)}
    named = [(f"edit {number}.{n}", text) for n, text in enumerate(drafted.edits, start=1)]
    return [Tried(edit=text, effect=effects.get(name, 0.0)) for name, text in named]


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
    return mean.interval(scores, clusters, alpha=ALPHA).lower >= task.bar


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


def _named(case: Case, digest: str) -> System:
    return next(entry.system for entry in case.evidence.proposed if entry.system.digest == digest)


def _wordings(case: Case, task: Task) -> Race:
    entrants = tuple(
        proposed.system
        for proposed in case.evidence.proposed
        if (proposed.rung, proposed.task, proposed.purpose) == ("prompt", task.name, "race")
    )
    return Race(rung="prompt", task=task, entrants=entrants)


def _words(case: Case, standing: confirm.Standing) -> str:
    task, seen = standing.task, standing.adequacy.figure
    rounds = search(case, task).rounds
    accepted = sum(
        event.accepted for (name, _), event in case.evidence.duelled.items() if name == task.name
    )
    how = f"{accepted} of {rounds} rounds brought a better prompt"
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
