"""A task whose scorer was changed: the replies are there, so they are scored anew, not bought."""

from __future__ import annotations

from collections.abc import Iterator

from escalera.core.evaluation import scorers
from escalera.core.ladder.case import Case
from escalera.domain.event import Observed, Rescored


def events(case: Case) -> tuple[Rescored, ...]:
    """New scores for every reply to an item of the project that another scorer had scored."""
    return tuple(_rescored(case)) if _changed(case) else ()


# Below: private.


def _changed(case: Case) -> bool:
    now = {task.name: task.scorer for task in case.project.tasks}
    counts = case.evidence.scorers.items()
    return any(n and now.get(task, scorer) != scorer for (task, scorer), n in counts)


def _rescored(case: Case) -> Iterator[Rescored]:
    targets = {
        item.digest: (item.target, task.scorer)
        for task in case.project.tasks
        for item in task.examples
    }
    for seen in case.evidence.observed.values():
        target, scorer = targets.get(seen.item_digest, ("", seen.scorer))
        if scorer != seen.scorer:
            found = _score(seen, scorer, target)
            yield Rescored(
                system=seen.system,
                item_digest=seen.item_digest,
                repeat=seen.repeat,
                scorer=scorer,
                score=found.value,
                reason=found.reason,
            )


def _score(seen: Observed, scorer: str, target: str) -> scorers.Score:
    if seen.finish is None:
        return scorers.Score(value=None, reason=seen.reason)  # refused: there is no reply
    return scorers.score(scorer, reply=seen.reply, target=target, finish=seen.finish)
