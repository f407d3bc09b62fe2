"""The port `Scoring`: the scorers of a project, each made when the first answer comes to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from escalera.core.evaluation import scorers
from escalera.core.evaluation.scorers import SCORERS, identity
from escalera.domain.scoring import Score, Submission, unscored
from escalera.edges.scoring.binding import Means, Scorer
from escalera.edges.scoring.kinds import KINDS
from escalera.errors import ScorerFailed

OPTIONS: Mapping[str, type] = {
    **{name: kind.options for name, kind in SCORERS.items()},
    **{name: kind.options for name, kind in KINDS.items()},
}
"""Every kind of scorer that a project file may name, with the dataclass of its options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A scorer as a task names it; `identity` is what its scores are filed under."""

    kind: str
    options: Any
    identity: str

    def refuses(self, target: str) -> str | None:
        """What is wrong with a target, or None."""
        kind = SCORERS.get(self.kind) or KINDS[self.kind]
        return kind.refuses(target, self.options)


def choose(kind: str, options: Any, means: Means) -> Chosen:
    """The scorer, after everything that its options name was looked at.

    Raises `BadOption`, or `MissingExtra`.
    """
    source = KINDS[kind].prepare(options, means) if kind in KINDS else ""
    return Chosen(kind=kind, options=options, identity=identity(kind, options, source=source))


class Desk:
    """Scores answers; at most one per processor core is in hand."""

    def __init__(self, chosen: Iterable[Chosen], means: Means) -> None:
        self._chosen = {one.identity: one for one in chosen}
        self._means = means
        self._open: dict[str, Scorer] = {}
        self._places = asyncio.Semaphore(os.cpu_count() or 1)

    async def score(self, scorer: str, answers: Sequence[Submission]) -> Sequence[Score]:
        """One score per answer, in order."""
        chosen = self._chosen[scorer]
        if chosen.kind in SCORERS:
            return [scorers.score(chosen.kind, answer, chosen.options) for answer in answers]
        if scorer not in self._open:
            made = KINDS[chosen.kind].open
            if made is None:
                raise LookupError(f"answers to {scorer!r} wait for the engine: it scores them")
            self._open[scorer] = made(chosen.options, self._means)
        asked = self._open[scorer]
        return await asyncio.gather(*(self._one(scorer, asked, answer) for answer in answers))

    async def close(self) -> None:
        """End whatever processes were started."""
        while self._open:
            _, scorer = self._open.popitem()
            await scorer.close()

    async def _one(self, name: str, scorer: Scorer, answer: Submission) -> Score:
        if early := scorers.settled(name, answer):
            return early
        async with self._places:
            try:
                return await scorer.score(answer)
            except ScorerFailed as error:
                return unscored(str(error))
