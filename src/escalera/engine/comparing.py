"""Comparing two systems with as few calls as the question needs: look, and stop when it is settled.

The looks are those of the project's policy, on the same keyed order of items as every other look,
and they are recorded: a comparison that was interrupted goes on where it was, and the account of
errors knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.evaluation import compare, missing, outlay
from escalera.core.evaluation.contrast import Asked, Contrast, row
from escalera.core.evaluation.correction import Labels
from escalera.core.evaluation.outlay import Outlay
from escalera.core.evaluation.sample import Sample
from escalera.core.ladder.steps import Call
from escalera.core.stats import distributions
from escalera.domain.dataset import Examples
from escalera.domain.event import Looked
from escalera.domain.project import Project
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.domain.verdict import Question
from escalera.engine.measuring import Means, Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A row per task at its last look; `open` are tasks whose next look a cap prevented.

    `shares` are of the items that the last look used; `outlays` what both systems took on them.
    `missing` is how many more items a task whose gate is open is likely to need, None where no
    number is likely to help. `unread` are tasks without a row: no item has a score of both.
    """

    tasks: tuple[Contrast, ...]
    shares: tuple[tuple[str, float], ...]
    open: tuple[str, ...]
    outlays: tuple[Outlay, ...] = ()
    missing: tuple[tuple[str, int | None], ...] = ()
    unread: tuple[str, ...] = ()


def run(
    project: Project, tasks: Sequence[Task], candidate: Route, incumbent: Route, means: Means
) -> Compared:
    """Compare *candidate* with *incumbent* on the `confirm` items of *tasks*.

    The tasks share the project's alpha equally. Stops without an error where a cap is reached.
    """
    talk = _Talk(Measurement(project, means), project, candidate, incumbent, len(tasks))
    waiting = [task for task in tasks if not talk.settled(task)]
    while waiting:
        needed = dict.fromkeys(call for task in waiting for call in talk.calls(task))
        talk.measurement.ask(needed)
        ready = [task for task in waiting if talk.complete(task)]
        if not ready:
            break
        for task in ready:
            talk.look(task)
        waiting = [task for task in waiting if not talk.settled(task)]
    seen = [task for task in tasks if talk.scored(task)]
    return Compared(
        tasks=tuple(talk.row(task) for task in seen),
        shares=tuple((task.name, talk.share(task)) for task in seen),
        open=tuple(task.name for task in waiting),
        outlays=tuple(entry for task in seen for entry in talk.outlays(task)),
        missing=tuple((task.name, talk.missing(task)) for task in seen if talk.gate_open(task)),
        unread=tuple(task.name for task in tasks if task not in seen),
    )


# Below: private.


class _Talk:
    """The questions of one comparison, a task each."""

    def __init__(
        self,
        measurement: Measurement,
        project: Project,
        candidate: Route,
        incumbent: Route,
        shared_by: int,
    ) -> None:
        self.measurement = measurement
        self._policy = project.policy
        self._candidate = candidate
        self._incumbent = incumbent
        self._alpha = project.policy.alpha / shared_by

    def looks(self, task: Task) -> list[Looked]:
        return self.measurement.evidence.looked.get(self._question(task).digest, [])

    def settled(self, task: Task) -> bool:
        taken = self.looks(task)
        return bool(taken) and taken[-1].settled

    def scored(self, task: Task) -> bool:
        """Whether a look was taken at any pair of scores."""
        taken = self.looks(task)
        return bool(taken) and taken[-1].figure.n > 0

    def share(self, task: Task) -> float:
        """The share of the items that the last look used."""
        return self._policy.looks[len(self.looks(task)) - 1]

    def calls(self, task: Task) -> list[Call]:
        """What the next look needs of both systems."""
        answering = self.measurement.evidence.answering
        return [
            Call(system=answering(route, item), item=item)
            for route in (self._candidate, self._incumbent)
            for item in self._items(task, len(self.looks(task)))
        ]

    def complete(self, task: Task) -> bool:
        has = self.measurement.evidence.has
        return all(has(call.system, call.item) for call in self.calls(task))

    def look(self, task: Task) -> None:
        taken = self.looks(task)
        sample = self._sample(task, len(taken))
        found = compare.look(self._question(task), sample, taken, self._policy)
        self.measurement.record([found])

    def gate_open(self, task: Task) -> bool:
        """Whether the last look neither passed nor refused the task."""
        return self.row(task).gate == "undecided"

    def missing(self, task: Task) -> int | None:
        """How many more items are likely to settle it."""
        sample = self._sample(task, len(self.looks(task)) - 1)
        alpha = compare.spendable(self._alpha, sample.pairing)
        seen = self.row(task).difference
        return missing.items(sample, margin=task.margin, alpha=alpha, reach=seen.value - seen.lower)

    def row(self, task: Task) -> Contrast:
        """The task at the error that its last look had for itself."""
        taken = self.looks(task)
        boundary = taken[-1].boundary or 0.0  # a planned look has one
        alpha = max(2 * distributions.normal_cdf(-boundary), 1e-12)
        sample = self._sample(task, len(taken) - 1)
        return row(Asked(task=task.name, margin=task.margin, sample=sample), alpha)

    def outlays(self, task: Task) -> tuple[Outlay, ...]:
        """What both systems took on the items of the last look."""
        return outlay.of_routes(
            self.measurement.evidence,
            self._items(task, len(self.looks(task)) - 1),
            self._candidate,
            self._incumbent,
            alpha=self._alpha,
            planned=len({*task.items("confirm").clusters()}),
        )

    def _question(self, task: Task) -> Question:
        return Question(
            kind="regression",
            task=task.name,
            candidate=self._candidate.digest,
            incumbent=self._incumbent.digest,
            threshold=task.margin,
            alpha=self._alpha,
        )

    def _items(self, task: Task, look: int) -> Examples:
        return task.items("confirm")[: compare.cutoffs(task, self._policy)[look]]

    def _sample(self, task: Task, look: int) -> Sample:
        evidence = self.measurement.evidence
        items, labels = self._items(task, look), Labels.of(task)
        found = compare.gather(evidence, items, self._candidate, self._incumbent, labels)
        return compare.as_begun(found, self.looks(task))
