"""The scores that a question rests on, and what the missing ones could do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.stats.clustering import Interval
from escalera.domain.verdict import Figure, ScoreRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item: the score of the candidate, of the incumbent, and its cluster; None is missing.

    `human` is what people gave the candidate's answer in place of a judge, or the difference of
    what they gave both; `chance` is the known probability that they were asked. A score may be the
    mean of repeats; `candidate_known` and `incumbent_known` are the share of them that has one.
    """

    candidate: float | None
    incumbent: float | None
    cluster: str
    human: float | None = None
    chance: float = 1.0
    candidate_known: float = 1.0
    incumbent_known: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of the items that count; `incumbent` is empty where nothing is compared.

    `human` and `chances` are empty where no item has a label; `golden` and `pairing` as in
    `Sample`.
    """

    candidate: tuple[float, ...]
    incumbent: tuple[float, ...]
    clusters: tuple[str, ...]
    human: tuple[float | None, ...] = ()
    chances: tuple[float, ...] = ()
    golden: tuple[Row, ...] = ()
    pairing: ScoreRule = "skewness allowed"

    def figure(self, interval: Interval) -> Figure:
        """An interval that was computed from these scores, with what it rests on."""
        return Figure(
            value=interval.estimate,
            lower=interval.lower,
            upper=interval.upper,
            n=len(self.candidate),
            clusters=len(set(self.clusters)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Every item of a question. `paired`: an incumbent is compared on the same items.

    `judged`: a judge gave the scores. `golden` are labelled items besides, which correct the judge
    and are no part of the question. `pairing`: the rule that scores are read by.
    """

    rows: tuple[Row, ...]
    paired: bool
    judged: bool = False
    golden: tuple[Row, ...] = ()
    pairing: ScoreRule = "skewness allowed"

    @property
    def scored(self) -> Scores:
        """The items that every system involved has scored."""
        return self._scores([row for row in self.rows if not self._gap(row)])

    @property
    def unscored(self) -> int:
        """Items left out for want of a score."""
        return sum(map(self._gap, self.rows))

    @property
    def partly(self) -> int:
        """Items that have a score, though some of their repeats have none."""
        return sum(not self._gap(row) and _partly(row) for row in self.rows)

    @property
    def whole(self) -> bool:
        """Whether no score is missing, nor that of a repeat."""
        return not any(self._gap(row) or _partly(row) for row in self.rows)

    def worst(self) -> Scores:
        """All items, where the candidate's missing scores are 0 and the incumbent's are 1."""
        return self._filled(candidate=0.0, incumbent=1.0)

    def best(self) -> Scores:
        """All items, where the candidate's missing scores are 1 and the incumbent's are 0."""
        return self._filled(candidate=1.0, incumbent=0.0)

    def _filled(self, *, candidate: float, incumbent: float) -> Scores:
        rows = [
            Row(
                candidate=_end(row.candidate, row.candidate_known, candidate),
                incumbent=_end(row.incumbent, row.incumbent_known, incumbent),
                cluster=row.cluster,
                human=None if self._gap(row) else row.human,
                chance=row.chance,
            )
            for row in self.rows
        ]
        return self._scores(rows)

    def _scores(self, rows: Sequence[Row]) -> Scores:
        labelled = any(row.human is not None for row in rows)
        incumbents = [row.incumbent for row in rows if row.incumbent is not None]
        return Scores(
            candidate=tuple(row.candidate for row in rows if row.candidate is not None),
            incumbent=tuple(incumbents) if self.paired else (),
            clusters=tuple(row.cluster for row in rows),
            human=tuple(row.human for row in rows) if labelled else (),
            chances=tuple(row.chance for row in rows) if labelled else (),
            golden=self.golden,
            pairing=self.pairing,
        )

    def _gap(self, row: Row) -> bool:
        return row.candidate is None or (self.paired and row.incumbent is None)


# Below: private.


def _partly(row: Row) -> bool:
    return min(row.candidate_known, row.incumbent_known) < 1.0


def _end(score: float | None, known: float, missing: float) -> float:
    """The score of an item where everything that has none is worth *missing*."""
    if score is None:
        return missing
    return score if known >= 1.0 else known * score + (1.0 - known) * missing
