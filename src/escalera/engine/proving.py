"""Making a quality route from what two systems answer: measure, learn, calibrate, test, record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from escalera.core.answers import Answer
from escalera.core.evidence import Evidence
from escalera.core.ladder import materials
from escalera.core.ladder.steps import Call
from escalera.core.routing import proving, storing
from escalera.core.routing.cascade import Found
from escalera.core.routing.proving import Answered, Claim, Pair
from escalera.core.routing.quality import Judge
from escalera.core.routing.sense import Sensed
from escalera.core.stats.clustering import Interval
from escalera.domain.dataset import Example
from escalera.domain.identity import digest_of
from escalera.domain.project import BaseModel, Project
from escalera.domain.quality import Asking, Expense, QualityRoute, QualityTested
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.system import Route
from escalera.domain.verdict import Figure
from escalera.engine import making, weighing
from escalera.engine.judging import submitted
from escalera.engine.measuring import Means, Measurement
from escalera.engine.reading import Bought
from escalera.errors import EvidenceMissing, InputError
from escalera.ports import Artifacts, Journal

FEWEST = 30
"""Items that each of the three parts needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be made: its name, the systems by theirs, and what may be lost at which risk."""

    name: str
    weak: str
    strong: str
    asking: Asking
    most_lost: float = 0.05
    risk: float = 0.05


def run(
    project: Project,
    wish: Wish,
    weak: Route,
    strong: Route,
    means: Means,
    *,
    now: Callable[[], float],
) -> QualityTested:
    """Make and test a quality route, and record the decision.

    `search` items teach the signal; `confirm` items, cluster by cluster, calibrate and test by
    halves. Buys what the journal does not hold. Raises `InputError` where there is nothing to
    route, `EvidenceMissing` where too few items have scores of both systems.
    """
    if weak == strong:
        raise InputError(
            f"{wish.weak!r} and {wish.strong!r} are one system, so there is nothing to choose "
            "between. Name two that differ."
        )
    measurement = Measurement(project, means)
    seed = project.policy.seed
    search = [item for task in project.tasks for item in task.items("search")]
    confirm = [
        item for task in project.tasks for item in task.items("confirm").in_clusters(seed=seed)
    ]
    view = _View(project, measurement.evidence, means.journal, weak, strong)
    measurement.ask([call for item in (*search, *confirm) for call in view.calls(item)])
    halves = _halves(confirm)
    unit = view.expense([*search, *confirm])
    parts = [view.pairs(part, wish.asking, unit) for part in (search, *halves)]
    _require(parts)
    learned, calibrating, testing = (part.pairs for part in parts)
    read = _Read(project, measurement.bought(), [*learned, *calibrating, *testing])
    judge, found = _learned(read, learned, calibrating, wish)
    margin = min(task.margin for task in project.tasks)
    claim = Claim(
        threshold=found.threshold,
        asking=wish.asking,
        single=proving.best(calibrating),
        margin=margin,
    )
    proof = proving.prove(judge, testing, claim, alpha=project.policy.alpha, sensed=read.sensed)
    route = QualityRoute(
        weak=weak,
        strong=strong,
        asking=wish.asking,
        signal=making.store(storing.to_files(judge.router), means.artifacts),
        threshold=found.threshold,
        bound=found.bound,
    )
    tested = QualityTested(
        name=wish.name,
        route=route,
        weak=wish.weak,
        strong=wish.strong,
        learned=len(learned),
        single=proof.single,
        gain=_figure(proof.gain, testing),
        saved=_figure(proof.saved, testing),
        blind=_figure(proof.blind.interval, testing),
        share=proof.blind.strong,
        expense=unit,
        margin=margin,
        worth=proof.worth,
        unscored=sum(part.unscored for part in parts),
        at=now(),
        embeddings=read.weighed,
    )
    measurement.record([tested])
    return tested


def load(artifacts: Artifacts, route: QualityRoute) -> Judge:
    """The signal of a route. Raises `EvidenceMissing` where it is not stored."""
    return Judge(router=making.load_router(artifacts, route.signal))


# Below: private.


@dataclass(frozen=True, slots=True)
class _Part:
    pairs: Sequence[Pair]
    unscored: int


def _learned(
    read: _Read, learned: Sequence[Pair], calibrating: Sequence[Pair], wish: Wish
) -> tuple[Judge, Found]:
    """The signal, and its threshold. Raises `InputError` where nothing can be told apart."""
    try:
        read.weigh(learned)
        judge = proving.learn(learned, read.sensed)
        found = proving.calibrate(
            judge, calibrating, most_lost=wish.most_lost, risk=wish.risk, sensed=read.sensed
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    return judge, found


@dataclass(slots=True)
class _Read:
    """The embeddings of what the signal reads; `pairs` are all of the route's."""

    project: Project
    bought: Bought
    pairs: Sequence[Pair]
    sensed: Sensed | None = None
    weighed: EmbeddingsWeighed | None = None

    def weigh(self, learned: Sequence[Pair]) -> None:
        """Buy those of *learned*, and of the others where they help.

        Raises `EvidenceMissing` where a cap ends before, ValueError where nothing can be learned.
        """
        model = self.project.router_embedder
        if model is None:
            return
        self.sensed = self._of(model, learned)
        found = proving.weigh(learned, self.sensed, alpha=self.project.policy.alpha)
        unread = sum(pair.told not in self.sensed.vectors for pair in learned)
        self.weighed = weighing.told(model, found, unread=unread)
        if found.share > 0:
            self.sensed = replace(self._of(model, self.pairs), share=found.share)

    def _of(self, model: BaseModel, pairs: Sequence[Pair]) -> Sensed:
        texts = {digest_of(pair.told): pair.told for pair in pairs}
        found = asyncio.run(self.bought.of(model, texts))
        if found is None:
            raise EvidenceMissing(
                f"the caps of [budget] end before {len(texts)} messages have embeddings by "
                f"{model.name!r}: raise them, or leave climb.router_embedding out"
            )
        return found


@dataclass(frozen=True, slots=True)
class _View:
    """What two routes answered, as pairs."""

    project: Project
    evidence: Evidence
    journal: Journal
    weak: Route
    strong: Route

    def calls(self, item: Example) -> Iterator[Call]:
        for system in dict.fromkeys(
            self.evidence.answering(route, item) for route in (self.weak, self.strong)
        ):
            yield materials.call(self.project, self.evidence, system, item)

    def expense(self, items: Sequence[Example]) -> Expense:
        """What both are compared by, on all of *items*."""
        found = [
            answer.micro_dollars
            for item in items
            for answer in self._both(item)
            if answer is not None and answer.finish is not None
        ]
        return proving.expense(*found)

    def pairs(self, items: Sequence[Example], asking: Asking, unit: Expense) -> _Part:
        """Those of *items* that both have scored."""
        scored = [item for item in items if all(map(_counts, self._both(item)))]
        texts = self._texts(scored) if asking == "after" else {}
        pairs = []
        for item in scored:
            weak, strong = self._both(item)
            if weak is None or strong is None or weak.score is None or strong.score is None:
                continue
            answer = None
            if asking == "after":
                answer = Answered(text=texts[item.id], finish=weak.finish, valid=weak.valid)
            pairs.append(
                Pair(
                    item=item.id,
                    cluster=item.cluster,
                    text=item.input,
                    weak=weak.score,
                    strong=strong.score,
                    weak_expense=_paid(weak, unit),
                    strong_expense=_paid(strong, unit),
                    answer=answer,
                )
            )
        return _Part(pairs, len(items) - len(pairs))

    def _both(self, item: Example) -> tuple[Answer | None, Answer | None]:
        return self.evidence.answer(self.weak, item), self.evidence.answer(self.strong, item)

    def _texts(self, items: Sequence[Example]) -> dict[str, str]:
        """What the weak system said, by item."""
        calls = [
            materials.call(
                self.project, self.evidence, self.evidence.answering(self.weak, item), item
            )
            for item in items
        ]
        return {one.item.id: one.answer for one in submitted(self.journal, calls)}


def _halves(items: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Every other cluster, in the keyed order of their names, of each task."""
    order: dict[tuple[str, str], int] = {}
    seen: dict[str, int] = {}
    for item in items:
        key = (item.task, item.cluster)
        if key not in order:
            order[key] = seen[item.task] = seen.get(item.task, -1) + 1
    parts: tuple[list[Example], list[Example]] = ([], [])
    for item in items:
        parts[order[item.task, item.cluster] % 2].append(item)
    return parts


def _require(parts: Sequence[_Part]) -> None:
    for part, words in zip(parts, ("to learn from", "to calibrate on", "to test on"), strict=True):
        if len(part.pairs) < FEWEST:
            raise EvidenceMissing(
                f"{len(part.pairs)} items {words} have scores of both systems, {FEWEST} are "
                "needed: add `search` and `confirm` items, or raise the caps of [budget]"
            )


def _counts(answer: Answer | None) -> bool:
    return answer is not None and answer.score is not None


def _paid(answer: Answer, unit: Expense) -> float:
    return float((answer.micro_dollars or 0) if unit == "micro-dollars" else answer.seconds)


def _figure(interval: Interval, pairs: Sequence[Pair]) -> Figure:
    return Figure(
        value=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        n=len(pairs),
        clusters=len({pair.cluster for pair in pairs}),
    )
