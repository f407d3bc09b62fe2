"""Measuring named systems outside the climb: the same calls, journal and caps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from escalera.core.evidence import Evidence
from escalera.core.ladder import materials, rescoring
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.case import Case
from escalera.core.ladder.steps import Call, Select
from escalera.domain.dataset import Split
from escalera.domain.event import Event, Observed
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.engine import scoring
from escalera.engine.evaluation import Evaluator
from escalera.engine.judging import Judging
from escalera.engine.meanings import Meanings
from escalera.engine.purse import Purse
from escalera.engine.reading import Bought, Read, Reader
from escalera.engine.selecting import Selector
from escalera.engine.together import all_or_first_error
from escalera.ports import Artifacts, Invalid, Journal, Progress, Provider, Retrieval, Scoring


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which items are asked: of these tasks and this split, the first `limit`, `repeats` times."""

    tasks: tuple[Task, ...]
    split: Split
    limit: int | None = None
    repeats: int = 1

    def calls(self, route: Route, evidence: Evidence) -> Iterator[Call]:
        """The calls that *route* needs, in the project's order of items."""
        for task in self.tasks:
            for item in task.items(self.split)[: self.limit]:
                system = evidence.answering(route, item)
                for repeat in range(self.repeats):
                    yield Call(system=system, item=item, repeat=repeat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a measurement works with: a journal and what it holds, and a provider for each model.

    `scoring` is made whenever there is something to score.

    `invalid` checks answers of tasks with a schema.
    """

    journal: Journal
    evidence: Evidence
    scoring: Callable[[], Scoring]
    provider: Callable[[str], Provider]
    caps: Caps
    invalid: Invalid | None = None
    progress: Progress
    artifacts: Artifacts
    retrieval: Retrieval


class Measurement:
    """A journal that grows by what is asked: every answer is recorded before it counts."""

    def __init__(self, project: Project, means: Means) -> None:
        self._project = project
        self._means = means
        self.evidence = means.evidence
        self._purse = Purse(means.caps, means.evidence, self.record)
        self._reader = Reader(
            evidence=means.evidence,
            retrieval=means.retrieval,
            artifacts=means.artifacts,
            purse=self._purse,
            record=self.record,
            progress=means.progress,
        )
        self._selector = Selector(
            project=project,
            evidence=means.evidence,
            retrieval=means.retrieval,
            artifacts=means.artifacts,
            reader=self._reader,
            record=self.record,
        )

    def ask(self, calls: Iterable[Call]) -> None:
        """Buy what the evidence does not hold yet of *calls*, which are walked several times.

        Replies of a task whose scorer was changed are scored anew.

        Models are asked side by side, so a slow one holds up no other; they share the caps. Stops
        without an error where a cap is reached: what was answered is there.
        """
        calls = self._prepared(calls)
        has = self.evidence.has
        models = dict.fromkeys(
            call.system.model for call in calls if not has(call.system, call.item, call.repeat)
        )
        outdated = rescoring.due(Case(project=self._project, evidence=self.evidence))
        if models or outdated:
            asyncio.run(self._ask_all(models, calls, outdated=outdated))

    def _prepared(self, calls: Iterable[Call]) -> Iterable[Call]:
        """*calls* with their material; those are left out for which a cap prevents choosing it."""
        if all(call.ready for call in calls):
            return calls
        shown = _Shown(self._project, self.evidence, calls)
        while (step := materials.due(self.evidence, shown.all())) is not None:
            asyncio.run(self._choose(step))
            if self.evidence.chosen(step.selection, step.items[0]) is None:
                break
        return shown

    async def _choose(self, step: Select) -> None:
        try:
            await self._selector.perform(step)
        finally:
            await self._reader.close()

    def record(self, events: Sequence[Event]) -> None:
        """Append *events* to the journal, then to the evidence."""
        self._means.journal.append(events)
        for event in events:
            self.evidence.apply(event)

    async def _ask_all(
        self, models: Iterable[str], calls: Iterable[Call], *, outdated: bool
    ) -> None:
        scorers = self._means.scoring()
        try:
            if outdated:
                journal = self._means.journal.events()
                self.record(await scoring.anew(self._project, self.evidence, journal, scorers))
            await all_or_first_error(
                [self._ask(name, _Of(name, calls), scorers) for name in models]
            )
        finally:
            await scorers.close()
        if self._project.likenesses:
            await self._compare(calls)
        if self._project.judges:
            await self._judge(calls)

    async def _compare(self, calls: Iterable[Call]) -> None:
        meanings = Meanings(
            project=self._project,
            evidence=self.evidence,
            journal=self._means.journal,
            artifacts=self._means.artifacts,
            reader=self._reader,
            record=self.record,
        )
        try:
            await meanings.perform(calls)
        finally:
            await self._reader.close()

    async def _judge(self, calls: Iterable[Call]) -> None:
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

    def bought(self) -> Bought:
        """What has embeddings of texts: bought from the same caps, and recorded."""

        async def buy(model: str, revision: str, texts: Mapping[str, str]) -> Read:
            try:
                return await self._reader.read(model, revision, texts)
            finally:
                await self._reader.close()

        return Bought(evidence=self.evidence, artifacts=self._means.artifacts, buy=buy)

    def evaluator(
        self,
        provider: Provider,
        *,
        scoring: Scoring,
        record: Callable[[Sequence[Observed]], None] | None = None,
    ) -> Evaluator:
        """What asks one model, from the same caps; with *record* nothing is taken for an answer."""
        return Evaluator(
            project=self._project,
            evidence=self.evidence if record is None else Evidence(),
            provider=provider,
            scoring=scoring,
            purse=self._purse,
            bought=self._means.journal.bought if record is None else lambda _: {},
            invalid=self._means.invalid,
            record=self.record if record is None else record,
            progress=self._means.progress,
        )

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

    async def _ask(self, name: str, calls: Iterable[Call], scorers: Scoring) -> None:
        provider = self._means.provider(name)
        try:
            await self.evaluator(provider, scoring=scorers).perform(calls, purpose=name)
        finally:
            await provider.close()


def run(project: Project, routes: Sequence[Route], wanted: Wanted, means: Means) -> None:
    """Ask what *routes* have not answered of what is *wanted*; the evidence grows by it."""
    Measurement(project, means).ask(_Calls(routes, wanted, means.evidence))


# Below: private.


class _Calls:
    """What routes need, each call once: made anew at each walk, never held all together."""

    def __init__(self, routes: Sequence[Route], wanted: Wanted, evidence: Evidence) -> None:
        self._routes = routes
        self._wanted = wanted
        self._evidence = evidence

    def __iter__(self) -> Iterator[Call]:
        answering = self._evidence.answering
        for n, route in enumerate(self._routes):
            earlier = self._routes[:n]
            for call in self._wanted.calls(route, self._evidence):
                if all(answering(other, call.item) != call.system for other in earlier):
                    yield call


@dataclass(frozen=True, slots=True)
class _Shown:
    """Calls with the material that was chosen for them; walked, those that have all of it."""

    project: Project
    evidence: Evidence
    calls: Iterable[Call]

    def all(self) -> Iterator[Call]:
        """Also those whose material is still to be chosen."""
        return materials.completed(self.project, self.evidence, self.calls)

    def __iter__(self) -> Iterator[Call]:
        return (call for call in self.all() if call.ready)


@dataclass(frozen=True, slots=True)
class _Of:
    """Those of the calls that one model answers."""

    model: str
    calls: Iterable[Call]

    def __iter__(self) -> Iterator[Call]:
        return (call for call in self.calls if call.system.model == self.model)
