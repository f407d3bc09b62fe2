"""Comparing two systems in the modes that may be read at any time, buying in batches or nothing.

Items enter in an order that was fixed before there were results, and only its beginning counts, up
to the first step that one of the two was not asked. So a reading is a function of the journal,
whatever was bought and why, and a comparison that was interrupted goes on where it was. A reading
is recorded when it says something new; the account charges the question once, however often it is
read.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby

from escalera.core.evaluation import compare, outlay, running
from escalera.core.evaluation.contrast import Contrast
from escalera.core.evaluation.correction import Labels
from escalera.core.evaluation.outlay import Outlay
from escalera.core.evaluation.running import RunningMode
from escalera.core.evaluation.sample import Sample
from escalera.core.ladder.steps import Call
from escalera.domain.dataset import Examples
from escalera.domain.event import Looked
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.domain.verdict import Question
from escalera.engine.comparing import Compared
from escalera.engine.measuring import Means, Measurement

BATCHES = 40
"""The items of a task are bought in so many batches, of at least `SMALLEST` items."""

SMALLEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Who is compared, and how it is read."""

    candidate: Route
    incumbent: Route
    mode: RunningMode


def run(project: Project, pair: Pair, means: Means, *, buy: bool) -> Compared:
    """Compare on the `confirm` items of all tasks; with *buy* ask until every task is settled.

    The tasks share the project's alpha equally. Stops without an error where a cap is reached.
    """
    measurement = Measurement(project, means)
    tasks = [task for task in project.tasks if task.items("confirm")]
    talks = [_Talk(measurement, project, pair, task) for task in tasks]
    waiting = [talk for talk in talks if buy and not talk.settled]
    while waiting:
        before = [talk.seen for talk in waiting]
        measurement.ask([call for talk in waiting for call in talk.calls()])
        grown = any(talk.advance() > seen for talk, seen in zip(waiting, before, strict=True))
        waiting = [talk for talk in waiting if not talk.settled]
        if not grown:
            break
    for talk in talks:
        talk.record()
    rows = [talk for talk in talks if talk.scored]
    return Compared(
        tasks=tuple(talk.row() for talk in rows),
        shares=tuple((talk.task.name, talk.seen / talk.whole.items) for talk in rows),
        open=tuple(talk.task.name for talk in waiting),
        outlays=tuple(entry for talk in rows for entry in talk.outlays()),
        unread=tuple(talk.task.name for talk in talks if not talk.scored),
    )


# Below: private.


class _Talk:
    """The question of one task: its steps in order, and how many of them both have been asked."""

    def __init__(self, measurement: Measurement, project: Project, pair: Pair, task: Task) -> None:
        self._measurement = measurement
        self._pair = pair
        self.task = task
        self._question = Question(
            kind="regression",
            task=task.name,
            candidate=pair.candidate.digest,
            incumbent=pair.incumbent.digest,
            threshold=task.margin,
            alpha=project.policy.alpha / len(project.tasks),
            mode=pair.mode,
        )
        items = task.items("confirm")
        self.whole = running.frame(items.clusters())
        self._items = _ordered(items, pair.mode, project.policy.seed)
        self._ends = _ends(self._items, pair.mode)
        self._taken = 0
        self._found = self._read()
        self.advance()

    @property
    def seen(self) -> int:
        """Items that count so far."""
        return self._end(self._taken)

    @property
    def settled(self) -> bool:
        return self._found.settled

    @property
    def scored(self) -> bool:
        return self._found.figure.n > 0

    def calls(self) -> Iterator[Call]:
        """What is needed of both systems up to the end of the batch: whole steps.

        Batches end at the same items wherever a comparison was interrupted.
        """
        batch = max(SMALLEST, math.ceil(self.whole.items / BATCHES))
        end = (self.seen // batch + 1) * batch
        last = min(bisect_left(self._ends, end), len(self._ends) - 1)
        return self._asking(self._items[self.seen : self._ends[last]])

    def advance(self) -> int:
        """Count the steps that are complete now and read anew; the items that count."""
        taken = self._taken
        while taken < len(self._ends) and self._complete(taken):
            taken += 1
        if taken > self._taken:
            self._taken = taken
            self._found = self._read()
        return self.seen

    def record(self) -> None:
        """Keep the reading, if it is the first one at any item or says something new."""
        before = self._before
        said = [(entry.verdict, entry.passed, entry.settled) for entry in before[-1:]]
        found = self._found
        if self.seen and said != [(found.verdict, found.passed, found.settled)]:
            count = len(before) + 1
            self._measurement.record([replace(found, look=count, looks=count)])

    def row(self) -> Contrast:
        return running.row(self._question, self._sample(), self.whole)

    def outlays(self) -> tuple[Outlay, ...]:
        return outlay.of_routes(
            self._measurement.evidence,
            self._items[: self.seen],
            *self._routes,
            alpha=self._question.alpha,
            planned=self.whole.clusters,
        )

    @property
    def _routes(self) -> tuple[Route, Route]:
        return self._pair.candidate, self._pair.incumbent

    @property
    def _before(self) -> Sequence[Looked]:
        return self._measurement.evidence.looked.get(self._question.digest, [])

    def _asking(self, items: Examples) -> Iterator[Call]:
        answering = self._measurement.evidence.answering
        for route in self._routes:
            for item in items:
                yield Call(system=answering(route, item), item=item)

    def _complete(self, step: int) -> bool:
        has = self._measurement.evidence.has
        calls = self._asking(self._items[self._end(step) : self._ends[step]])
        return all(has(call.system, call.item) for call in calls)

    def _end(self, steps: int) -> int:
        """How many items the first *steps* hold."""
        return self._ends[steps - 1] if steps else 0

    def _sample(self) -> Sample:
        evidence, labels = self._measurement.evidence, Labels.of(self.task)
        return compare.gather(evidence, self._items[: self.seen], *self._routes, labels)

    def _read(self) -> Looked:
        return running.look(self._question, self._sample(), self.whole, self._before)


def _ordered(items: Examples, mode: RunningMode, seed: int) -> Examples:
    return items if mode == "finite" else items.in_clusters(seed=seed)


def _ends(items: Examples, mode: RunningMode) -> array[int]:
    """Where steps end: what enters together is a cluster, or about these items alone an item."""
    if mode == "finite":
        return array("I", range(1, len(items) + 1))
    sizes = (sum(1 for _ in group) for _, group in groupby(items.clusters()))
    return array("I", accumulate(sizes))
