"""A task whose scorer was changed: the replies are there, so they are scored anew, not bought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from escalera.core.evidence import Evidence
from escalera.core.ladder.case import Case
from escalera.domain.dataset import Example
from escalera.domain.event import Event, Observed, Rescored
from escalera.domain.project import Project
from escalera.domain.scoring import Score, Submission, unscored


def due(case: Case) -> bool:
    """Whether an answer to an item of the project has its score from another scorer."""
    now = {task.name: task.scorer for task in case.project.tasks}
    if not case.evidence.answers.by_another(now):
        return False
    return case.evidence.answers.outdated(
        {item.digest: task.scorer for task in case.project.tasks for item in task.examples}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An answer that has its score from another scorer than `scorer`, the task's now."""

    event: Observed
    scorer: str
    item: Example

    @property
    def answer(self) -> Submission | Score:
        """What is to be scored; a call that was refused has no reply and keeps its reason."""
        return submission(self.event, self.item)

    def rescored(self, found: Score) -> Rescored:
        """The event that gives the answer its score."""
        return Rescored(
            system=self.event.system,
            item_digest=self.event.item_digest,
            repeat=self.event.repeat,
            scorer=self.scorer,
            score=found.value,
            reason=found.reason,
        )


def waiting(project: Project, evidence: Evidence, journal: Iterable[Event]) -> Iterator[Waiting]:
    """Every reply in *journal* to an item whose task has another scorer now."""
    places = {  # not the items: there may be many, and they are made when they are asked for
        item.digest: (task, place)
        for task in project.tasks
        for place, item in enumerate(task.examples)
    }
    for event in journal:
        if not isinstance(event, Observed) or event.item_digest not in places:
            continue
        task, place = places[event.item_digest]
        known = evidence.answers.get(event.system, event.item_digest, event.repeat)
        if known is not None and known.scorer != task.scorer:
            yield Waiting(event=event, scorer=task.scorer, item=task.examples[place])


def submission(seen: Observed, item: Example) -> Submission | Score:
    """A recorded answer as an answer to *item*; the reason where there is no reply."""
    if seen.finish is None:
        return unscored(seen.reason or "there is no reply")
    return Submission(
        reply=seen.said,
        item=item,
        finish=seen.finish,
        seconds=seen.seconds,
        micro_dollars=seen.micro_dollars,
    )
