"""Evidence: the journal's events folded into what questions are asked of.

The fold is incremental (`apply` takes one event) and order matters only where the journal says
so; every figure is computed from sorted keys, so the same set of events gives the same numbers
in whatever order calls returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from escalera.core.answers import Answer, Answers
from escalera.core.calibrations import Calibrations
from escalera.core.judgements import Judgements
from escalera.core.spent import Spent
from escalera.domain.calibration import Anchored, Rechecked
from escalera.domain.dataset import Example
from escalera.domain.distillation import Distilled
from escalera.domain.event import (
    Decided,
    Drafted,
    Duelled,
    Event,
    Failed,
    Judged,
    Looked,
    Merged,
    Nominated,
    Observed,
    Opened,
    Priced,
    Proposed,
    Raced,
    Rescored,
    Reserved,
    RouterFitted,
    Stopped,
)
from escalera.domain.finetuned import Finetuned
from escalera.domain.generation import Generated
from escalera.domain.hosting import HostedJob
from escalera.domain.optimiser import Rewritten, Written
from escalera.domain.project import RungName
from escalera.domain.promotion import Promoted
from escalera.domain.quality import QualityTested
from escalera.domain.screening import Screened
from escalera.domain.selection import Embedded, Selected, Selection
from escalera.domain.sweep import Suggested
from escalera.domain.system import Route, System
from escalera.domain.training import RateTried, Trained
from escalera.domain.trial import Paired, PairJudged, Switched, TrialEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Where the embedding of a text is kept: a row of an artifact."""

    vectors: str
    row: int


@dataclass(slots=True)
class Evidence:
    """Everything known so far, by the keys that questions use.

    `looks` are all looks ever taken, also those of the project before it was changed; `trained` has
    the parts of every training, between its pauses, and `hosted` what was last said of the job that
    a provider has for a recipe; `serving` is the digest of the route in service, as the last climb
    that ended decided, or a promotion since, and `served_by` that event;
    `served` are the digests of all that ever were, in their order;
    `finetuned` has what jobs of the gateway left, by its artifact;
    `quality` has the quality routes that were tested, by the ids of these decisions.
    """

    opened: list[Opened] = field(default_factory=list)
    proposed: list[Proposed] = field(default_factory=list)
    answers: Answers = field(default_factory=Answers)
    judged: Judgements = field(default_factory=Judgements)
    calibrations: Calibrations = field(default_factory=Calibrations)
    screened: list[Screened] = field(default_factory=list)
    drafted: dict[tuple[str, int], Drafted] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    rewritten: dict[str, Rewritten] = field(default_factory=dict)
    generated: dict[str, Generated] = field(default_factory=dict)
    duelled: dict[tuple[str, int], Duelled] = field(default_factory=dict)
    raced: dict[str, list[Raced]] = field(default_factory=dict)
    priced: dict[RungName, Priced] = field(default_factory=dict)
    routers: list[RouterFitted] = field(default_factory=list)
    trained: dict[str, list[Trained]] = field(default_factory=dict)
    rates: dict[str, list[RateTried]] = field(default_factory=dict)
    distilled: dict[str, Distilled] = field(default_factory=dict)
    suggested: dict[str, dict[int, Suggested]] = field(default_factory=dict)
    hosted: dict[str, HostedJob] = field(default_factory=dict)
    merged: dict[str, Merged] = field(default_factory=dict)
    finetuned: dict[str, Finetuned] = field(default_factory=dict)
    nominated: list[Nominated] = field(default_factory=list)
    looked: dict[str, list[Looked]] = field(default_factory=dict)
    looks: list[Looked] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    stopped: list[Stopped] = field(default_factory=list)
    promoted: list[Promoted] = field(default_factory=list)
    serving: str | None = None
    served_by: Stopped | Promoted | None = None
    served: list[str] = field(default_factory=list)
    quality: dict[str, QualityTested] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)
    selected: dict[tuple[str, str], Selected] = field(default_factory=dict)
    embedded: dict[tuple[str, str], Row] = field(default_factory=dict)
    events: int = 0
    _choices: dict[str, dict[str, str]] = field(default_factory=dict)
    _unsure: dict[str, frozenset[str]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Fold one event in."""
        self.events += 1
        match event:
            case Observed():
                self.answers.add(event)
                if event.bought:
                    self.spent.call(event)
            case Judged() | Rescored() | Anchored() | Rechecked():
                self._score(event)
            case Reserved():
                self.spent.reserved = event
            case (
                Trained()
                | HostedJob()
                | RateTried()
                | Suggested()
                | Merged()
                | RouterFitted()
                | Distilled()
                | QualityTested()
            ):
                self._make(event)
            case Looked():
                self.looked.setdefault(event.question.digest, []).append(event)
                self.looks.append(event)
            case Stopped() | Promoted() | Paired() | PairJudged() | Switched():
                self._serve(event)
            case Raced() | Drafted() | Duelled() | Written() | Rewritten() | Generated():
                self._search(event)
            case Selected() | Embedded():
                self._choose(event)
            case _:
                self._list(event)

    def asked(self, system: System, item: Example, repeat: int = 0) -> bool:
        """Whether *system* was asked *item*."""
        return self.answers.has(system.digest, item.digest, repeat)

    def awaits(self, system: System, item: Example, repeat: int = 0) -> bool:
        """Whether the answer of *system* to *item* waits for its judges or its embeddings."""
        return self.answers.awaiting(system.digest, item.digest, repeat)

    def has(self, system: System, item: Example, repeat: int = 0) -> bool:
        """Whether nothing is left to do: *system* was asked *item*, and judged if it is to be.

        The answer may be unscored all the same, for a reason that is kept.
        """
        key = (system.digest, item.digest, repeat)
        return self.answers.has(*key) and not self.answers.awaiting(*key)

    def sample(self, system: System, item: Example, repeat: int = 0) -> Answer | None:
        """What *system* answered to *item* at this repeat, or None when it was not asked."""
        return self.answers.get(system.digest, item.digest, repeat)

    def chosen(self, selection: Selection, item: Example) -> Selected | None:
        """What *selection* chose for *item*, or None where it has not chosen."""
        return self.selected.get((selection.digest, item.digest))

    def answering(self, route: Route, item: Example) -> System:
        """The system of *route* that answers *item*: by the router, or by the item's own type."""
        if route.router is None:
            return route.system(item.task)
        task = self._choices[route.router][item.id]
        return route.system(task, sure=item.id not in self._unsure[route.router])

    def answer(self, route: Route, item: Example) -> Answer | None:
        """What *route* answered to *item*, or None when it was not asked."""
        return self.sample(self.answering(route, item), item)

    def route(self, digest: str) -> Route:
        """The promoted or nominated route with this digest; KeyError when there is none."""
        for promoted in self.promoted:
            if promoted.route.digest == digest:
                return promoted.route
        return self.nomination(digest).route

    def serves(self, adapter: str) -> bool:
        """Whether the route in service asks this adapter."""
        route = None if self.serving is None else self.route(self.serving)
        return route is not None and any(b.system.adapter == adapter for b in route.branches)

    def nomination(self, digest: str) -> Nominated:
        """The latest nomination of this route; KeyError when there is none."""
        for nominated in reversed(self.nominated):
            if nominated.route.digest == digest:
                return nominated
        raise KeyError(digest)

    def nominee(self, rung: RungName) -> Route | None:
        """The route that *rung* put forward last, if any."""
        for nominated in reversed(self.nominated):
            if nominated.rung == rung:
                return nominated.route
        return None

    def operator(self, system: str) -> str:
        """The name of the operator that first proposed this system, or an empty string."""
        for proposed in self.proposed:
            if proposed.system.digest == system:
                return proposed.operator
        return ""

    def decision(self, rung: RungName, task: str) -> Decided | None:
        """How *rung* ended for *task* (empty: for the project), if it did."""
        for decided in self.decided:
            if (decided.rung, decided.task) == (rung, task):
                return decided
        return None

    def _list(
        self,
        event: Opened | Priced | Proposed | Screened | Finetuned | Nominated | Decided | Failed,
    ) -> None:
        match event:
            case Opened():
                if self.opened and self.opened[-1].project != event.project:
                    self._restart()
                self.opened.append(event)
            case Priced():
                self.priced[event.rung] = event
            case Proposed():
                self.proposed.append(event)
            case Screened():
                self.screened.append(event)
            case Nominated():
                self.nominated.append(event)
            case Decided():
                self.decided.append(event)
            case Failed():
                self.failed.append(event)
            case Finetuned():
                self.finetuned[event.adapter] = event
            case _:
                assert_never(event)

    def _serve(self, event: Stopped | Promoted | TrialEvent) -> None:
        if isinstance(event, Paired | PairJudged | Switched):
            return  # trials are judged by themselves (`core.serving.trials`)
        if isinstance(event, Stopped):
            self.stopped.append(event)
            self.serving = event.route
        else:
            self.promoted.append(event)
            self.serving = event.route.digest
        self.served_by = event
        if self.serving is not None and self.served[-1:] != [self.serving]:
            self.served.append(self.serving)

    def _search(self, event: Raced | Drafted | Duelled | Written | Rewritten | Generated) -> None:
        match event:
            case Raced():
                self.raced.setdefault(event.race, []).append(event)
            case Drafted():
                self.drafted[(event.task, event.round)] = event
                self.spent.call(event)
            case Written():
                self.written[event.request] = event
                self.spent.call(event)
            case Generated():
                self.generated[event.request] = event
                self.spent.call(event)
            case Rewritten():
                self.rewritten[event.task] = event
            case Duelled():
                self.duelled[(event.task, event.round)] = event

    def _restart(self) -> None:
        # Another project (a new bar, more items) asks its questions anew. Answers, adapters and
        # merges are kept: they are known by content, whatever project asked for them.
        self.proposed.clear()
        self.screened.clear()
        self.rewritten.clear()
        self.duelled.clear()
        self.raced.clear()
        self.priced.clear()
        self.routers.clear()
        self.nominated.clear()
        self.looked.clear()
        self.decided.clear()
        self.stopped.clear()
        if not self.promoted or self.promoted[-1].route.digest != self.serving:
            self.serving = self.served_by = None  # what was put there by hand stays in service

    def _score(self, event: Judged | Rescored | Anchored | Rechecked) -> None:
        match event:
            case Rescored():
                self.answers.rescore(event)
                self.judged.conclude(event)
            case Judged():
                self.judged.add(event)
                if event.bought:
                    self.spent.call(event)
            case Anchored() | Rechecked():
                self.calibrations.add(event)

    def _make(
        self,
        event: Trained
        | HostedJob
        | RateTried
        | Suggested
        | Merged
        | RouterFitted
        | Distilled
        | QualityTested,
    ) -> None:
        match event:
            case QualityTested():
                self.quality[event.decision] = event
            case HostedJob():
                self._settle(event.recipe)
                self.spent.train(event.micro_dollars)
                self.hosted[event.recipe] = event
            case Trained():
                if event.job:
                    self._settle(event.recipe.digest)
                    self.spent.train(event.micro_dollars)
                self.trained.setdefault(event.recipe.digest, []).append(event)
                self._spend(training_tokens=event.tokens, seconds=event.seconds)
            case RateTried():
                self.rates.setdefault(event.question, []).append(event)
                self._spend(training_tokens=event.tokens, seconds=event.seconds)
            case Distilled():
                self.distilled[event.question] = event
            case Suggested():
                self.suggested.setdefault(event.question, {})[event.number] = event
            case Merged():
                self.merged[event.plan.digest] = event
                self._spend(seconds=event.seconds)
            case RouterFitted():
                self.routers.append(event)
                self._choices[event.router] = dict(zip(event.items, event.choices, strict=True))
                self._unsure[event.router] = frozenset(event.unsure)

    def _settle(self, recipe: str) -> None:
        """The job that was begun for a recipe has ended: what it could cost is counted no more."""
        before = self.hosted.get(recipe)
        if before is not None and before.state == "begun":
            self.spent.train(before.micro_dollars, sign=-1)

    def _choose(self, event: Selected | Embedded) -> None:
        if isinstance(event, Selected):
            self.selected[event.selection, event.item_digest] = event
            return
        for row, text in enumerate(event.texts):
            self.embedded[event.revision, text] = Row(vectors=event.vectors, row=row)
        self.spent.embed(event)

    def _spend(self, *, training_tokens: int = 0, seconds: float) -> None:
        self.spent.training_tokens += training_tokens
        self.spent.seconds += seconds


def fold(events: Iterable[Event]) -> Evidence:
    """Evidence from the beginning of the journal."""
    evidence = Evidence()
    for event in events:
        evidence.apply(event)
    return evidence
