"""Measuring named systems outside the climb: the same calls, journal and caps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from escalera.engine.judging import Judging
from escalera.engine.purse import Purse
from escalera.engine.together import all_or_first_error
from escalera.ports import Invalid, Journal, Progress, Provider


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
    """What a measurement works with; `provider` is made for each model that is asked.

    `invalid` checks answers of tasks with a schema.
    """

    journal: Journal
    provider: Callable[[str], Provider]
    caps: Caps
    invalid: Invalid | None = None
    progress: Progress


class Measurement:
    """A journal that grows by what is asked: every answer is recorded before it counts."""

    def __init__(self, project: Project, means: Means) -> None:
        self._project = project
        self._means = means
        self.evidence = fold(means.journal.events())
        self._purse = Purse(means.caps, self.evidence)

    def ask(self, calls: Iterable[Call]) -> None:
        """Buy what the evidence does not hold yet.

        Models are asked side by side, so a slow one holds up no other; they share the caps. Stops
        without an error where a cap is reached: what was answered is there.
        """
        by_model: dict[str, list[Call]] = {}
        for call in dict.fromkeys(calls):
            if not self.evidence.has(call.system, call.item, call.repeat):
                by_model.setdefault(call.system.model, []).append(call)
        if by_model:
            asyncio.run(self._ask_all(by_model))

    def record(self, events: Sequence[Event]) -> None:
        """Append *events* to the journal, then to the evidence."""
        self._means.journal.append(events)
        for event in events:
            self.evidence.apply(event)

    async def _ask_all(self, by_model: Mapping[str, Sequence[Call]]) -> None:
        await all_or_first_error([self._ask(name, calls) for name, calls in by_model.items()])
        await self._judge([call for calls in by_model.values() for call in calls])

    async def _judge(self, calls: Sequence[Call]) -> None:
        made: dict[str, Provider] = {}

        def provider(model: str) -> Provider:
            if model not in made:
                made[model] = self._means.provider(model)
            return made[model]

        try:
            await self.judging(provider).perform(calls)
        finally:
            for one in made.values():
                await one.close()

    def judging(self, provider: Callable[[str], Provider]) -> Judging:
        """What asks judges, with the providers of their models by name."""
        return Judging(
            project=self._project,
            evidence=self.evidence,
            journal=self._means.journal,
            provider=provider,
            purse=self._purse,
            record=self.record,
            progress=self._means.progress,
        )

    async def _ask(self, name: str, calls: Sequence[Call]) -> None:
        provider = self._means.provider(name)
        evaluator = Evaluator(
            project=self._project,
            evidence=self.evidence,
            provider=provider,
            purse=self._purse,
            bought=self._means.journal.bought,
            invalid=self._means.invalid,
            record=self.record,
            progress=self._means.progress,
        )
        try:
            await evaluator.perform(calls, purpose=name)
        finally:
            await provider.close()


def run(project: Project, routes: Sequence[Route], wanted: Wanted, means: Means) -> Evidence:
    """Ask what *routes* have not answered of what is *wanted*, and return the evidence."""
    measurement = Measurement(project, means)
    evidence = measurement.evidence
    measurement.ask(call for route in routes for call in wanted.calls(route, evidence))
    return evidence
