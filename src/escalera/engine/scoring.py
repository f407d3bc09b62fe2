"""Handing answers to the scorers of their tasks, whole units at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from escalera.core.evaluation import scorers
from escalera.core.evidence import Evidence
from escalera.core.ladder import rescoring
from escalera.core.ladder.rescoring import Waiting
from escalera.domain.event import Event, Rescored
from escalera.domain.project import Project
from escalera.domain.scoring import Score, Submission
from escalera.ports import Scoring

AT_ONCE = 512
"""Replies that are scored anew together: so many are held in memory."""

Asked = tuple[str, Submission | Score]
"""The identity of a scorer, and what it is to score; what has a score already keeps it."""


async def scores(scoring: Scoring | None, asked: Sequence[Asked]) -> list[Score]:
    """One score for each of *asked*, in order; each scorer gets all of its answers together."""
    handed: dict[str, list[tuple[int, Submission]]] = {}
    found: dict[int, Score] = {}
    for place, (scorer, answer) in enumerate(asked):
        if not isinstance(answer, Submission):
            found[place] = answer
        elif early := scorers.settled(scorer, answer):
            found[place] = early
        else:
            handed.setdefault(scorer, []).append((place, answer))
    for scorer, placed in handed.items():
        if scoring is None:
            raise LookupError(f"there is nothing here that scores by {scorer!r}")
        given = await scoring.score(scorer, [answer for _, answer in placed])
        for (place, _), score in zip(placed, given, strict=True):
            found[place] = score
    return [found[place] for place in range(len(asked))]


async def anew(
    project: Project, evidence: Evidence, journal: Iterable[Event], scoring: Scoring
) -> list[Rescored]:
    """New scores for every reply in *journal* whose task has another scorer now."""
    waiting = iter(rescoring.waiting(project, evidence, journal))
    events: list[Rescored] = []
    while some := list(islice(waiting, AT_ONCE)):
        events += await _rescored(some, scoring)
    return events


# Below: private.


async def _rescored(some: Sequence[Waiting], scoring: Scoring) -> list[Rescored]:
    found = await scores(scoring, [(one.scorer, one.answer) for one in some])
    return [one.rescored(score) for one, score in zip(some, found, strict=True)]
