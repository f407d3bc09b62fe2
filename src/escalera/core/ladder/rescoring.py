"""A task whose scorer was changed: the replies are there, so they are scored anew, not bought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from escalera.core.evaluation import scorers
from escalera.core.evidence import Evidence
from escalera.core.ladder.case import Case
from escalera.domain.event import Event, Observed, Rescored
from escalera.domain.project import Project


def due(case: Case) -> bool:
    """Whether an answer to an item of the project has its score from another scorer."""
    now = {task.name: task.scorer for task in case.project.tasks}
    counts = case.evidence.scorers.items()
    if not any(n and now.get(task, scorer) != scorer for (task, scorer), n in counts):
        return False
    return case.evidence.answers.outdated(
        {item.digest: task.scorer for task in case.project.tasks for item in task.examples}
    )


def events(project: Project, evidence: Evidence, journal: Iterable[Event]) -> Iterator[Rescored]:
    """New scores for every reply in *journal* to an item whose task has another scorer now."""
    targets = {
        item.digest: (item.target, task.scorer) for task in project.tasks for item in task.examples
    }
    for event in journal:
        if not isinstance(event, Observed) or event.item_digest not in targets:
            continue
        target, scorer = targets[event.item_digest]
        known = evidence.answers.get(event.system, event.item_digest, event.repeat)
        if known is not None and known.scorer != scorer:
            found = _score(event, scorer, target)
            yield Rescored(
                system=event.system,
                item_digest=event.item_digest,
                repeat=event.repeat,
                scorer=scorer,
                score=found.value,
                reason=found.reason,
            )


# Below: private.


def _score(seen: Observed, scorer: str, target: str) -> scorers.Score:
    if seen.finish is None:
        return scorers.Score(value=None, reason=seen.reason)  # refused: there is no reply
    return scorers.score(scorer, reply=seen.said, target=target, finish=seen.finish)
