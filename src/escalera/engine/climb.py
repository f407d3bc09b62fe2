"""The climb: ask the planner, perform the step, append what happened, until it stops.

The journal is the only state. A climb that was killed is continued by starting it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from escalera.core.evidence import Evidence, fold
from escalera.core.ladder import budgeting, planner, steps
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.case import Case
from escalera.domain.event import Event, Failed, Stopped
from escalera.domain.identity import digest_of
from escalera.domain.project import Project, RungName
from escalera.domain.sweep import SuggestWay
from escalera.engine import evaluation, hosting, making, optimising, rewriting, scoring, weighing
from escalera.engine.judging import Judging
from escalera.engine.meanings import Meanings
from escalera.engine.observer import Observer
from escalera.engine.purse import Purse
from escalera.engine.reading import Bought, Reader
from escalera.engine.selecting import Selector
from escalera.errors import EscaleraError, JournalError, ProviderError
from escalera.ports import (
    Artifacts,
    Clock,
    Invalid,
    Journal,
    Merger,
    Optimiser,
    Provider,
    Retrieval,
    Scoring,
    Suggester,
    Trainer,
    Tuner,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a climb works with. `provider`, `trainer` and `merger` are made when first needed.

    `other` makes the provider of a model that grades answers or writes prompts, by its name.
    `invalid` checks answers of tasks with a schema; `optimiser` makes the tool of this name that
    searches for prompts, and `suggester` the one that suggests levers in this way. It raises
    `MissingExtra` where that is not installed. `tuner` is there where the model's provider trains.
    `now` are seconds since the epoch, which the end of the climb is dated with.
    """

    journal: Journal
    artifacts: Artifacts
    clock: Clock
    scoring: Scoring
    provider: Callable[[], Provider]
    trainer: Callable[[], Trainer]
    merger: Callable[[], Merger]
    retrieval: Retrieval
    other: Callable[[str], Provider] | None = None
    invalid: Invalid | None = None
    optimiser: Callable[[str], Optimiser] | None = None
    suggester: Callable[[SuggestWay], Suggester] | None = None
    tuner: Callable[[], Tuner] | None = None
    now: Callable[[], float] | None = None


Plan = Callable[[Evidence], steps.Step | None]
"""From all that is known to the next step, or None at the end."""


def run(
    project: Project,
    *,
    ports: Ports,
    observer: Observer,
    version: str,
    until: RungName | None = None,
) -> Evidence:
    """Climb from whatever the journal holds to a decision, and return the evidence.

    With *until*, no further than that rung: the climb can be continued from there.

    Raises `ProviderError` when the endpoint stays away: start again when it is back, nothing is
    lost and nothing is paid twice.
    """

    def plan(evidence: Evidence) -> steps.Step | None:
        step = planner.next_step(project, evidence, version=version)
        return None if step is None or _far_enough(evidence, step, until) else step

    def instead(evidence: Evidence, step: steps.Step) -> steps.Step:
        return planner.unaffordable(project, evidence, step)

    return follow(project, plan, ports=ports, observer=observer, instead=instead)


def follow(
    project: Project,
    plan: Plan,
    *,
    ports: Ports,
    observer: Observer,
    instead: Callable[[Evidence, steps.Step], steps.Step | None] = lambda _evidence, _step: None,
) -> Evidence:
    """Perform the steps of a plan, each decided on all that is known by then.

    *instead* says what is done in place of a step that a cap left undone: None ends.
    Raises `ProviderError` like `run`.
    """
    performer, vain = _Performer(project, ports, observer), None
    with asyncio.Runner() as loop:
        try:
            while (step := plan(performer.evidence)) is not None:
                if step == vain and (step := instead(performer.evidence, step)) is None:
                    break
                observer.began(step)
                before = performer.evidence.events
                performer.perform(step, loop)
                vain = step if performer.evidence.events == before else None
        finally:
            loop.run(performer.close())
    return performer.evidence


_Making = steps.Train | steps.TryRate | steps.Suggest | steps.Merge | steps.Distil
"""What makes something."""


class _Performer:
    """Performs one step at a time; a step's kind names its handler."""

    def __init__(self, project: Project, ports: Ports, observer: Observer) -> None:
        self._project = project
        self._ports = ports
        self._observer = observer
        self._provider: Provider | None = None
        self._others: dict[str, Provider] = {}
        self._trainer: Trainer | None = None
        self._merger: Merger | None = None
        self._tuner: Tuner | None = None
        self.evidence = fold(ports.journal.events())
        self._purse = Purse(Caps.of(project), self.evidence, self._append)
        self._reader = Reader(
            evidence=self.evidence,
            retrieval=ports.retrieval,
            artifacts=ports.artifacts,
            purse=self._purse,
            record=self._append,
            progress=observer.progressed,
        )
        self._selector = Selector(
            project=project,
            evidence=self.evidence,
            retrieval=ports.retrieval,
            artifacts=ports.artifacts,
            reader=self._reader,
            record=self._append,
        )
        self._meanings = Meanings(
            project=project,
            evidence=self.evidence,
            journal=ports.journal,
            artifacts=ports.artifacts,
            reader=self._reader,
            record=self._append,
        )
        self._judging = Judging(
            project=project,
            evidence=self.evidence,
            journal=ports.journal,
            provider=self._other,
            purse=self._purse,
            record=self._append,
            progress=observer.progressed,
        )

    def perform(self, step: steps.Step, loop: asyncio.Runner) -> None:
        """Perform *step*; a failure that another try may mend is recorded before it is raised."""
        try:
            match step:
                case steps.Evaluate():
                    loop.run(self._evaluate(step.calls, step.purpose))
                case steps.Select():
                    loop.run(self._selector.perform(step))
                case steps.Propose():
                    self._append(step.events)
                case steps.Rescore():
                    self._append(loop.run(self._rescored()))
                case steps.Rewrite():
                    self._append([loop.run(self._rewritten(step))])
                    self._purse.settle()
                case steps.Optimise():
                    self._append([loop.run(self._optimised(step))])
                case (
                    steps.FitRouter()
                    | steps.Train()
                    | steps.TryRate()
                    | steps.Suggest()
                    | steps.Merge()
                    | steps.Distil()
                ):
                    self._append(self._made(step, loop))
                    self._forget(step)
                case _:
                    self._append([step.event])
        except JournalError:
            raise  # a journal that cannot be written cannot hold the failure either
        except EscaleraError as error:
            retryable = isinstance(error, ProviderError) and error.retryable
            self._append([Failed(step=digest_of(step), cause=str(error), retryable=retryable)])
            raise

    async def close(self) -> None:
        """Close the scorers, and every provider and embedder that was made."""
        await self._ports.scoring.close()
        await self._reader.close()
        made = [] if self._provider is None else [self._provider]
        for provider in (*made, *self._others.values()):
            await provider.close()
        if self._tuner is not None:
            await self._tuner.close()

    async def _evaluate(self, calls: Sequence[steps.Call], purpose: str) -> None:
        models = {call.system.model for call in calls}
        if len(models) > 1:
            raise AssertionError(f"one evaluation asks one model, not {sorted(models)!r}")
        evaluator = evaluation.Evaluator(
            project=self._project,
            evidence=self.evidence,
            provider=self._other(*models) if models else self._asked(),
            scoring=self._ports.scoring,
            purse=self._purse,
            bought=self._ports.journal.bought,
            invalid=self._ports.invalid,
            record=self._append,
            progress=self._observer.progressed,
        )
        await evaluator.perform(calls, purpose=purpose)
        await self._meanings.perform(calls)
        await self._judging.perform(calls)

    async def _rewritten(self, step: steps.Rewrite) -> Event:
        proposer = self._project.proposer
        assert proposer is not None  # noqa: S101  the rung is only climbed with one
        return await rewriting.draft(
            step,
            proposer,
            provider=self._other(proposer.name),
            purse=self._purse,
            journal=self._ports.journal,
        )

    async def _optimised(self, step: steps.Optimise) -> Event:
        proposer, made = self._project.proposer, self._ports.optimiser
        assert proposer is not None and made is not None  # noqa: S101, PT018  as the project says
        search = optimising.Search(
            step=step,
            proposer=proposer,
            provider=self._other(proposer.name),
            evidence=self.evidence,
            purse=self._purse,
            evaluate=lambda calls: self._evaluate(calls, "search"),
            bought=self._ports.journal.bought,
            record=self._append,
        )
        found = await search.perform(made(step.optimiser))
        if found is None:
            return budgeting.stop(Case(project=self._project, evidence=self.evidence), step).event
        return found

    async def _hosted(self, step: steps.Train) -> Sequence[Event]:
        if self._tuner is None:
            assert self._ports.tuner is not None  # noqa: S101  the project has a provider train
            self._tuner = self._ports.tuner()
        host = hosting.Host(
            project=self._project,
            evidence=self.evidence,
            tuner=self._tuner,
            artifacts=self._ports.artifacts,
            purse=self._purse,
            record=self._append,
            progress=self._observer.progressed,
        )
        return await hosting.train(step, host)

    def _asked(self) -> Provider:
        if self._provider is None:
            self._provider = self._ports.provider()
        return self._provider

    def _other(self, model: str) -> Provider:
        """The provider of a model by its name; the climb's own is made only once."""
        if model == self._project.model.name:
            return self._asked()
        if model not in self._others:
            assert self._ports.other is not None  # noqa: S101  the project names others
            self._others[model] = self._ports.other(model)
        return self._others[model]

    async def _rescored(self) -> Sequence[Event]:
        journal = self._ports.journal.events()
        return await scoring.anew(self._project, self.evidence, journal, self._ports.scoring)

    def _made(self, step: _Making | steps.FitRouter, loop: asyncio.Runner) -> Sequence[Event]:
        if isinstance(step, steps.Train) and step.recipe.hosted is not None:
            return loop.run(self._hosted(step))
        if isinstance(step, steps.FitRouter):
            return loop.run(weighing.fit_router(step, self._project, self._bought()))
        return [self._make(step)]

    def _bought(self) -> Bought:
        return Bought(
            evidence=self.evidence, artifacts=self._ports.artifacts, buy=self._reader.read
        )

    def _make(self, step: _Making) -> Event:
        ports = self._ports
        match step:
            case steps.Suggest():
                return making.suggest(step, ports.suggester)
            case steps.Train():
                return making.train(
                    step,
                    project=self._project,
                    evidence=self.evidence,
                    trainer=self._taught_by(),
                    artifacts=ports.artifacts,
                    progress=self._observer.progressed,
                )
            case steps.TryRate():
                return making.try_rate(
                    step,
                    project=self._project,
                    evidence=self.evidence,
                    trainer=self._taught_by(),
                    artifacts=ports.artifacts,
                    clock=ports.clock,
                )
            case steps.Distil():
                return making.distil(step, journal=ports.journal, artifacts=ports.artifacts)
            case steps.Merge():
                return making.merge(
                    step, merger=self._merged_by(), artifacts=ports.artifacts, clock=ports.clock
                )

    def _forget(self, step: steps.Step) -> None:
        """What a training goes on from is not needed once its end is on record."""
        if isinstance(step, steps.Train) and step.recipe.hosted is None:
            parts = self.evidence.trained.get(step.recipe.digest, [])
            if parts and parts[-1].steps >= parts[-1].planned:
                self._taught_by().forget(step.recipe)

    def _taught_by(self) -> Trainer:
        """The trainer, made once: it may hold a training that pauses."""
        if self._trainer is None:
            self._trainer = self._ports.trainer()
        return self._trainer

    def _merged_by(self) -> Merger:
        """The merger, made once: it may hold the adapters of a race."""
        if self._merger is None:
            self._merger = self._ports.merger()
        return self._merger

    def _append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        events = [self._dated(event) for event in events]
        self._ports.journal.append(events)
        for event in events:
            self.evidence.apply(event)
            self._observer.appended(event)
        self._observer.afforded(self._purse.caps.left(self.evidence.spent))

    def _dated(self, event: Event) -> Event:
        now = self._ports.now
        return replace(event, at=now()) if now and isinstance(event, Stopped) else event


def _far_enough(evidence: Evidence, step: steps.Step, until: RungName | None) -> bool:
    """Whether *until* is decided and *step* would go on; an end that is due is recorded.

    A project that has changed is opened first: what was decided before is about another one.
    """
    if until is None or evidence.decision(until, "") is None:
        return False
    return not isinstance(step, steps.Open | steps.Stop)
