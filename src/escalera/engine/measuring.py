"""Measuring named systems outside the climb: the same calls, journal and caps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from escalera.core.evidence import Evidence, fold
from escalera.core.ladder.budgeting import Caps
from escalera.core.ladder.steps import Call
from escalera.domain.dataset import Split
from escalera.domain.event import Event
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.engine.evaluation import Evaluator
from escalera.engine.purse import Purse
from escalera.engine.together import all_or_first_error
from escalera.ports import Journal, Progress, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which items are asked: of these tasks and this split, the first `limit`, `repeats` times."""

    tasks: tuple[Task, ...]
    split: Split
    limit: int | None = None
    repeats: int = 1

    def calls(self, route: Route, evidence: Evidence) -> tuple[Call, ...]:
        """The calls that *route* needs, in the project's order of items."""
        return tuple(
            Call(system=evidence.answering(route, item), item=item, repeat=repeat)
            for task in self.tasks
            for item in task.items(self.split)[: self.limit]
            for repeat in range(self.repeats)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a measurement works with; `provider` is made for each model that is asked."""

    journal: Journal
    provider: Callable[[str], Provider]
    caps: Caps
    progress: Progress


def run(project: Project, routes: Sequence[Route], wanted: Wanted, means: Means) -> Evidence:
    """Ask what *routes* have not answered yet and return the evidence.

    Models are asked side by side, so a slow one holds up no other; they share the caps. Stops
    without an error where a cap is reached: what was answered is there.
    """
    evidence = fold(means.journal.events())
    purse = Purse(means.caps, evidence)

    def record(events: Sequence[Event]) -> None:
        means.journal.append(events)
        for event in events:
            evidence.apply(event)

    async def ask(name: str, calls: Sequence[Call]) -> None:
        provider = means.provider(name)
        evaluator = Evaluator(
            project=project,
            evidence=evidence,
            provider=provider,
            purse=purse,
            record=record,
            progress=means.progress,
        )
        try:
            await evaluator.perform(calls, purpose=name)
        finally:
            await provider.close()

    async def ask_all() -> None:
        by_model: dict[str, list[Call]] = {}
        for call in dict.fromkeys(c for route in routes for c in wanted.calls(route, evidence)):
            if not evidence.has(call.system, call.item, call.repeat):
                by_model.setdefault(call.system.model, []).append(call)
        await all_or_first_error([ask(name, calls) for name, calls in by_model.items()])

    asyncio.run(ask_all())
    return evidence
