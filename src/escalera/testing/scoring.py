"""The scorers that need nothing but themselves, behind the `Scoring` port."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.evaluation import scorers
from escalera.domain.scoring import Score, Submission


class PureScoring:
    """Scores by kinds of `core.evaluation` with their defaults, named as in a project file."""

    def __init__(self) -> None:
        self.closed = 0

    async def score(self, scorer: str, answers: Sequence[Submission]) -> Sequence[Score]:
        """One score per answer."""
        return [scorers.score(scorer, answer) for answer in answers]

    async def close(self) -> None:
        """Counted, so that a test can see it."""
        self.closed += 1
