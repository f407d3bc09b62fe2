"""A search by another tool: what it proposes is tried like what a proposer writes, never trusted.

The optimiser sees the prompt, the `search` items but those of duels, and whatever it asks for; all
that it buys is in the journal. Each prompt that it proposes meets the best so far in a duel.
"""

from __future__ import annotations

from escalera.core.ladder import duelling, editing
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Optimise, Propose, Step
from escalera.core.prompts import rewriting
from escalera.domain.event import Duelled, Proposed
from escalera.domain.optimiser import Optimiser
from escalera.domain.system import System
from escalera.domain.task import Task

MOST_REWRITES = 3
"""Of what an optimiser proposes, the first so many meet in duels."""

SLACK = 1.25
"""Times the calls it may make, after which an optimiser that does not stop is stopped."""


def follow(
    case: Case, task: Task, optimiser: Optimiser, start: System
) -> tuple[System, Step | None]:
    """The prompt in hand, and what the search needs next: None when it has ended."""
    found = case.evidence.rewritten.get(task.name)
    if found is None or (found.parent, found.optimiser) != (start.digest, optimiser.name):
        return start, _optimise(case, task, optimiser, start)
    incumbent = start
    for place, text in enumerate(found.rewrites[:MOST_REWRITES], start=1):
        candidate = case.system(task, rewriting.rewritten(start.prompt, text))
        if candidate == incumbent:
            continue
        if not any(entry.system == candidate for entry in _raced(case, task)):
            return incumbent, Propose(
                events=(_proposed(task, f"{optimiser.name} {place}", candidate, start),)
            )
        # A rewrite replaces everything that was said: it stays only where it looks better.
        ended = duelling.step(case, task, place, candidate, incumbent, ahead=True)
        if not isinstance(ended, Duelled):
            return incumbent, ended
        incumbent = candidate if ended.accepted else incumbent
    return incumbent, None


def most_calls(task: Task, optimiser: Optimiser) -> int:
    """The most calls that a search by *optimiser* may take, the proposer's and duels included."""
    duels = (1 + MOST_REWRITES) * len(editing.duel_items(task))
    return int(SLACK * optimiser.calls) + duels


# Below: private.


def _optimise(case: Case, task: Task, optimiser: Optimiser, start: System) -> Optimise:
    items = task.items("search")
    return Optimise(
        task=task.name,
        parent=start,
        items=tuple(items[: len(items) - len(editing.duel_items(task))]),
        optimiser=optimiser.name,
        calls=optimiser.calls,
        seed=case.project.policy.seed,
    )


def _raced(case: Case, task: Task) -> list[Proposed]:
    return [
        entry
        for entry in case.evidence.proposed
        if (entry.rung, entry.task, entry.purpose) == ("search", task.name, "race")
    ]


def _proposed(task: Task, made: str, candidate: System, start: System) -> Proposed:
    return Proposed(
        rung="search", task=task.name, operator=made, system=candidate, parent=start.digest
    )
